"""Agreement between labels and predictions: CCC, PCC, RMSE, and P, their summary over targets.

Lin's concordance correlation coefficient with population moments (division by n) in double precision:

    CCC = 2 cov(y, p) / (var(y) + var(p) + (mean(y) - mean(p))^2)

A fold's figure is one CCC over all annotated frames of its validation trials concatenated, as published; it is not the
mean of the trials' figures. What happens where a formula divides by zero is part of the contract:

=============================  =====  =====  ====
series                         CCC    PCC    RMSE
=============================  =====  =====  ====
one series constant            0      0      finite
both constant and equal        1      0      0
no annotated frame             ValueError in all three
=============================  =====  =====  ====
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Scores:
    """Agreement on one target over `frames` annotated frames."""

    ccc: float
    pcc: float
    rmse: float
    frames: int


def ccc(labels: Array, predictions: Array) -> float:
    """Concordance correlation coefficient of two series.

    Parameters
    ----------
    labels, predictions : (n,), finite

    Raises
    ------
    ValueError
        If the series are empty, of unequal length, or not finite.
    """
    y, p = _pair(labels, predictions)
    if np.array_equal(y, p):
        return 1.0
    if np.ptp(y) == 0 or np.ptp(p) == 0:
        return 0.0
    covariance = float(np.mean((y - y.mean()) * (p - p.mean())))
    spread = float(y.var() + p.var() + (y.mean() - p.mean()) ** 2)
    return float(np.clip(2 * covariance / spread, -1.0, 1.0)) if spread > 0 else 0.0


def pcc(labels: Array, predictions: Array) -> float:
    """Pearson correlation of two series, 0 where either is constant; parameters and errors as for `ccc`."""
    y, p = _pair(labels, predictions)
    if np.ptp(y) == 0 or np.ptp(p) == 0:
        return 0.0
    # Scaled before the product, so that the smallest spreads a float can hold do not underflow.
    y = (y - y.mean()) / np.ptp(y)
    p = (p - p.mean()) / np.ptp(p)
    return float(np.clip(np.sum(y * p) / np.sqrt(np.sum(y * y) * np.sum(p * p)), -1.0, 1.0))


def rmse(labels: Array, predictions: Array) -> float:
    """Root of the mean squared difference, in the target's unit; parameters and errors as for `ccc`."""
    y, p = _pair(labels, predictions)
    return float(np.sqrt(np.mean((y - p) ** 2)))


def score(labels: Array, predictions: Array) -> Scores:
    """Agreement on one target; frames whose label is NaN are left out.

    Parameters
    ----------
    labels : (n,), NaN where un-annotated
    predictions : (n,)

    Raises
    ------
    ValueError
        If no frame is annotated, or a prediction of an annotated frame is not finite.
    """
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ValueError(f"expected two series of one length, got shapes {labels.shape} and {predictions.shape}")
    annotated = ~np.isnan(labels)
    y, p = labels[annotated], predictions[annotated]
    return Scores(ccc=ccc(y, p), pcc=pcc(y, p), rmse=rmse(y, p), frames=int(annotated.sum()))


def score_targets(labels: Array, predictions: Array, *, targets: Sequence[str]) -> dict[str, Scores]:
    """`score` for each column.

    Parameters
    ----------
    labels, predictions : (n, k)
    targets : the k columns' names

    Raises
    ------
    ValueError
        If the columns are not those of `targets`, or a target has no annotated frame.
    """
    if labels.shape != predictions.shape or labels.ndim != 2 or labels.shape[1] != len(targets):
        raise ValueError(
            f"expected labels and predictions of shape (n, {len(targets)}) for the targets {', '.join(targets)}, "
            f"got {labels.shape} and {predictions.shape}"
        )
    return {target: score(labels[:, i], predictions[:, i]) for i, target in enumerate(targets)}


def overall(scores: Mapping[str, Scores]) -> float:
    """P, the mean CCC over targets: the challenge's ranking and this project's criterion for choosing folds."""
    if not scores:
        raise ValueError("P needs at least one target's scores")
    return float(np.mean([one.ccc for one in scores.values()]))


def mean_scores(repeats: Sequence[Mapping[str, Scores]]) -> dict[str, Scores]:
    """Average the scores of several trainings on the same frames, target by target."""
    return {
        target: Scores(
            ccc=float(np.mean([one[target].ccc for one in repeats])),
            pcc=float(np.mean([one[target].pcc for one in repeats])),
            rmse=float(np.mean([one[target].rmse for one in repeats])),
            frames=first.frames,
        )
        for target, first in repeats[0].items()
    }


def mean_and_sd(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (division by n - 1) over folds; the deviation of a single fold is 0."""
    if not values:
        raise ValueError("mean and standard deviation need at least one value")
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def sd_over_repeats(values: Sequence[Sequence[float]]) -> float | None:
    """Sample standard deviation over repeats of the mean over folds; None where each fold was trained once.

    Parameters
    ----------
    values : of each fold, one value per repeat
    """
    of_repeats = [float(np.mean(of_repeat)) for of_repeat in zip(*values, strict=True)]
    return mean_and_sd(of_repeats)[1] if len(of_repeats) > 1 else None


def _pair(labels: Array, predictions: Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if y.shape != p.shape or y.ndim != 1:
        raise ValueError(f"expected two series of one length, got shapes {y.shape} and {p.shape}")
    if y.size == 0:
        raise ValueError("agreement is undefined on no frames: is any frame annotated?")
    if not (np.isfinite(y).all() and np.isfinite(p).all()):
        bad = int((~np.isfinite(y) | ~np.isfinite(p)).sum())
        raise ValueError(f"{bad} of {y.size} frames have a label or prediction that is not finite")
    return y, p
