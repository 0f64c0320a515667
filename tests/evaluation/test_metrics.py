import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional import concordance_corrcoef

from pipeline.evaluation.metrics import Scores, ccc, mean_and_sd, overall, pcc, rmse, score, score_targets

Series = npt.NDArray[np.float64]

series = arrays(np.float64, st.shared(st.integers(2, 40), key="n"), elements=st.floats(-1, 1, width=32))


def loop_ccc(y: list[float], p: list[float]) -> float:
    n = len(y)
    my, mp = math.fsum(y) / n, math.fsum(p) / n
    vy = math.fsum((a - my) ** 2 for a in y) / n
    vp = math.fsum((b - mp) ** 2 for b in p) / n
    cov = math.fsum((a - my) * (b - mp) for a, b in zip(y, p, strict=True)) / n
    return 2 * cov / (vy + vp + (my - mp) ** 2)


def varied(*pair: Series) -> bool:
    return all(np.ptp(one) > 1e-3 for one in pair)


@given(series, series)
def test_ccc_equals_plain_loops(y: Series, p: Series) -> None:
    assume(varied(y, p))
    assert ccc(y, p) == pytest.approx(loop_ccc(y.tolist(), p.tolist()), abs=1e-9)


def test_ccc_of_torchmetrics_differs_by_its_unbiased_variances_only() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=50)
    p = 0.6 * y + 0.4 * random.normal(size=50) + 0.2
    theirs = float(concordance_corrcoef(torch.from_numpy(p), torch.from_numpy(y)))
    n = len(y)
    unbiased = 2 * np.cov(y, p)[0, 1] / (y.var(ddof=1) + p.var(ddof=1) + (y.mean() - p.mean()) ** 2)
    assert theirs == pytest.approx(unbiased, abs=1e-6)
    # From one to the other: all second moments shrink by (n - 1) / n, the distance of the means does not.
    shrunk = (n - 1) / n
    ours = 2 * shrunk * np.cov(y, p)[0, 1] / (shrunk * (y.var(ddof=1) + p.var(ddof=1)) + (y.mean() - p.mean()) ** 2)
    assert ccc(y, p) == pytest.approx(ours, abs=1e-12)
    assert ccc(y, p) != pytest.approx(theirs, abs=1e-5)
    centred = p - p.mean() + y.mean()
    theirs = float(concordance_corrcoef(torch.from_numpy(centred), torch.from_numpy(y)))
    assert ccc(y, centred) == pytest.approx(theirs, abs=1e-6)


@given(series, series)
def test_pcc_equals_scipy(y: Series, p: Series) -> None:
    assume(varied(y, p))
    assert pcc(y, p) == pytest.approx(scipy.stats.pearsonr(y, p).statistic, abs=1e-6)


@given(series, series)
def test_ccc_is_symmetric_and_bounded(y: Series, p: Series) -> None:
    value = ccc(y, p)
    assert -1 <= value <= 1
    assert value == pytest.approx(ccc(p, y), abs=1e-12)


@given(series, series)
def test_ccc_is_not_above_the_correlation(y: Series, p: Series) -> None:
    assume(varied(y, p))
    assert abs(ccc(y, p)) <= abs(pcc(y, p)) + 1e-9


@given(series, st.floats(0.25, 4), st.floats(-2, 2))
def test_only_ccc_depends_on_scale_and_level(y: Series, scale: float, shift: float) -> None:
    assume(varied(y))
    p = scale * y + shift
    assert pcc(y, p) == pytest.approx(1, abs=1e-6)
    assert rmse(y, y + shift) == pytest.approx(abs(shift), abs=1e-9)
    assert ccc(y, y) == 1
    assert ccc(2 * y + 1, 2 * p + 1) == pytest.approx(ccc(y, p), abs=1e-9)


@pytest.mark.parametrize("level", [0.0, 0.1, -1 / 3])
def test_constant_series_have_defined_scores(level: float) -> None:
    flat, wave = np.full(7, level), np.sin(np.arange(7.0))
    assert (ccc(flat, wave), pcc(flat, wave)) == (0, 0)
    assert (ccc(wave, flat), pcc(wave, flat)) == (0, 0)
    assert (ccc(flat, flat), pcc(flat, flat), rmse(flat, flat)) == (1, 0, 0)
    assert (ccc(flat, flat + 0.5), rmse(flat, flat + 0.5)) == (0, pytest.approx(0.5))


@pytest.mark.parametrize("metric", [ccc, pcc, rmse])
def test_unusable_series_are_refused_with_their_numbers(metric: Callable[[Series, Series], float]) -> None:
    with pytest.raises(ValueError, match="no frames"):
        metric(np.empty(0), np.empty(0))
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        metric(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="1 of 3 frames"):
        metric(np.zeros(3), np.array([0, np.nan, 1]))


def test_unannotated_frames_are_left_out_whatever_is_predicted_there() -> None:
    labels = np.array([0.1, np.nan, 0.5, -0.3, np.nan])
    predictions = np.array([0.2, 99.0, 0.4, -0.1, np.nan])
    kept = [0, 2, 3]
    expected = Scores(
        ccc=ccc(labels[kept], predictions[kept]),
        pcc=pcc(labels[kept], predictions[kept]),
        rmse=rmse(labels[kept], predictions[kept]),
        frames=3,
    )
    assert score(labels, predictions) == expected


def test_targets_are_scored_by_column() -> None:
    random = np.random.default_rng(1)
    labels, predictions = random.normal(size=(2, 30, 2))
    scores = score_targets(labels, predictions, targets=["valence", "arousal"])
    assert scores["arousal"] == score(labels[:, 1], predictions[:, 1])
    assert overall(scores) == pytest.approx((scores["valence"].ccc + scores["arousal"].ccc) / 2)
    with pytest.raises(ValueError, match=r"\(n, 1\)"):
        score_targets(labels, predictions, targets=["valence"])


def test_sd_is_that_of_a_sample() -> None:
    assert mean_and_sd([0.1, 0.2, 0.6]) == (pytest.approx(0.3), pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1)))
    assert mean_and_sd([0.4]) == (0.4, 0.0)
    with pytest.raises(ValueError, match="at least one"):
        mean_and_sd([])
    with pytest.raises(ValueError, match="at least one"):
        overall({})
