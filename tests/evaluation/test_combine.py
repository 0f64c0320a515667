from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.combine import Combination, agreement, ccc_centred, combine
from pipeline.evaluation.metrics import ccc


def waves(offsets: Sequence[float], *, noise: float = 0.1, seed: int = 0) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(seed)
    common = np.sin(np.arange(60) / 7)
    return np.stack([common + offset + noise * random.normal(size=60) for offset in offsets])


def test_the_mean_is_the_mean() -> None:
    series = waves([0, 1, 2])[:, :, None]
    np.testing.assert_allclose(combine(series, how="mean"), series.mean(axis=0), rtol=1e-6)
    assert combine(series, how="mean").dtype == np.float32


def test_an_outlying_model_keeps_its_shape_and_loses_its_offset() -> None:
    series = waves([0.0, 0.05, -0.05, 3.0])
    centred = ccc_centred(series)
    plain = series.mean(axis=0)
    weights = agreement(series)
    expected = (weights @ series.mean(axis=1)) / weights.sum()
    assert weights[3] < 0.2 * weights[:3].min()
    assert centred.mean() == pytest.approx(expected)
    np.testing.assert_allclose(centred - centred.mean(), plain - plain.mean(), atol=1e-12)
    assert abs(centred.mean() - series[:3].mean()) < 0.3 < abs(plain.mean() - series[:3].mean())


def test_agreement_is_the_mean_ccc_with_the_others() -> None:
    series = waves([0, 0.5, 1])
    expected = [np.mean([ccc(one, other) for j, other in enumerate(series) if j != i]) for i, one in enumerate(series)]
    np.testing.assert_allclose(agreement(series), expected)
    assert agreement(np.stack([series[0], -series[0]])).tolist() == [0, 0]


@given(st.integers(1, 2), st.integers(0, 50))
def test_one_or_two_models_have_nothing_to_weigh(models: int, seed: int) -> None:
    series = waves([0, 0.7][:models], seed=seed)
    np.testing.assert_allclose(ccc_centred(series), series.mean(axis=0), atol=1e-12)


def test_where_nothing_agrees_the_plain_mean_remains() -> None:
    flat = np.array([[0.1] * 5, [0.5] * 5, [0.9] * 5])
    np.testing.assert_allclose(ccc_centred(flat), [0.5] * 5)


def test_targets_are_combined_apart() -> None:
    series = np.stack([waves([0, 1, 5]), waves([2, 2, 2], seed=3)], axis=-1)
    together = combine(series, how="ccc_centred")
    for target in range(2):
        alone = combine(series[:, :, [target]], how="ccc_centred")
        np.testing.assert_array_equal(together[:, [target]], alone)


def test_misfits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(0, 5, 2\)"):
        combine(np.zeros((0, 5, 2)), how="mean")
    with pytest.raises(ValueError, match="'median': one of mean, ccc_centred"):
        combine(np.zeros((1, 5, 2)), how=cast(Combination, "median"))
