import numpy as np
import pytest
import torch

from pipeline.models.standardise import BLOCK, Moments, Standardise


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


def test_moments_of_parts_combine_to_those_of_the_whole() -> None:
    x = np.random.default_rng(1).normal(1e4, [1.0, 1e-2], (3 * BLOCK + 7, 2))
    whole = Moments.of(x)
    parts = sum(map(Moments.of, (x[:1], x[1:1], x[1:2000], x[2000:])), start=Moments.of(x[:0]))
    assert parts.count == whole.count == len(x)
    for moments in (whole, parts):
        np.testing.assert_allclose(moments.mean, x.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(moments.squares / len(x), x.var(axis=0), rtol=1e-8)


def test_statistics_are_the_same_from_frames_and_from_moments(trials: list[np.ndarray]) -> None:
    once = Standardise.fit(trials, kind="per_dimension")
    again = Standardise.from_moments([Moments.of(trial) for trial in trials], kind="per_dimension")
    assert torch.equal(once.mean, again.mean)
    assert torch.equal(once.std, again.std)
