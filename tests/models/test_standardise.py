import numpy as np
import pytest
import torch

from pipeline.models.standardise import Standardise


@pytest.fixture
def trials() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [(random.normal(100, [1.0, 5.0, 0.1], (frames, 3))).astype(np.float32) for frames in (40, 1, 70)]


def test_per_dimension_equals_numpy_over_all_frames(trials: list[np.ndarray]) -> None:
    fitted = Standardise.fit(trials, kind="per_dimension")
    joined = np.concatenate(trials).astype(np.float64)
    np.testing.assert_allclose(fitted.mean.numpy(), joined.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(fitted.std.numpy(), joined.std(axis=0), rtol=1e-5)


def test_scalar_equals_numpy_over_all_numbers(trials: list[np.ndarray]) -> None:
    fitted = Standardise.fit(trials, kind="scalar")
    joined = np.concatenate(trials).astype(np.float64)
    np.testing.assert_allclose(fitted.mean.numpy(), joined.mean(), rtol=1e-6)
    np.testing.assert_allclose(fitted.std.numpy(), joined.std(), rtol=1e-6)


def test_a_dimension_that_does_not_move_is_centred_only() -> None:
    x = np.stack([np.full(20, 3.0), np.arange(20.0)], axis=1)
    fitted = Standardise.fit([x], kind="per_dimension")
    y = fitted(torch.from_numpy(x).float()[None])
    assert torch.isfinite(y).all()
    assert y[0, :, 0].abs().max() == 0


def test_features_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Standardise.fit([np.array([[1.0], [np.nan]])], kind="per_dimension")
    with pytest.raises(ValueError, match="0 frames"):
        Standardise.fit([], kind="per_dimension")
