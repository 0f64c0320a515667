"""How sure a figure is: a bootstrap over trials and repeats gives each CCC an interval, and each pair a difference.

Frames of a trial resemble each other, so whole trials are resampled, with replacement and within their fold. Where
folds were trained with several seeds, each fold's repeats are resampled as well, independently of its trials: every
repeat predicted every trial (a bootstrap of two crossed factors; Owen, "The pigeonhole bootstrap", 2007). A drawn
figure is the mean over folds of the mean over the drawn repeats of the CCC over the drawn trials. A draw without any
frame of a target in one of the folds has no figure; intervals are of the draws that have one.

Two models drawn with the same seed on the same trials get the same draws of trials: their difference is paired. With
the same number of repeats they also get the same draws of repeats. That is right whether or not repeat r of the one
has to do with repeat r of the other, as it has for a fine-tuned model and its start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.predictions import TrialPrediction

RESAMPLES = 2000
LEVEL = 0.95

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Percentile interval of a resampled figure."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """How far one model is ahead of another.

    Parameters
    ----------
    first, second : the two models
    figure : a target, or ``P``
    value : the first's mean over folds minus the second's
    interval : of the difference itself, both models drawn on the same trials
    """

    first: str
    second: str
    figure: str
    value: float
    interval: Interval

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval.low > 0 or self.interval.high < 0


@dataclass(frozen=True)
class Bootstrap:
    """Resampled mean CCC of one model.

    Parameters
    ----------
    trials : the (fold, trial) pairs that were drawn from; equal for models that can be compared
    repeats : how many repeats of each fold were drawn from; with 1 the samples know nothing of other seeds
    samples : by target and ``P``, each (resamples,); NaN where a draw has no figure
    """

    trials: tuple[tuple[int, str], ...]
    repeats: int
    samples: Mapping[str, Array]

    def interval(self, figure: str, *, level: float = LEVEL) -> Interval:
        """Interval of the model's own figure, ``P`` or a target's CCC."""
        return _interval(self.samples[figure], level)

    def difference(self, other: "Bootstrap", figure: str, *, level: float = LEVEL) -> Interval:
        """Interval of this model's figure minus the other's.

        Raises
        ------
        ValueError
            If the two were not drawn from the same trials in the same folds.
        """
        if self.trials != other.trials:
            raise ValueError("a paired difference needs the same validation trials in the same folds for both models")
        return _interval(self.samples[figure] - other.samples[figure], level)


def bootstrap(
    validation: Sequence[TrialPrediction], *, targets: Sequence[str], resamples: int = RESAMPLES, seed: int = 0
) -> Bootstrap:
    """Resample held-out trials and repeats within each fold, and compute the mean CCC over folds each time.

    Parameters
    ----------
    validation : held-out trials with labels and fold
    targets : names of the k columns
    resamples : number of draws
    seed : of the draws

    Raises
    ------
    ValueError
        If no trial has an annotated frame, a fold has none of some target, or trials were predicted by different
        numbers of repeats.
    """
    labelled = sorted(
        (one for one in validation if one.labels is not None and not np.isnan(one.labels).all()),
        key=lambda one: (one.fold or 0, one.trial),
    )
    if not labelled:
        raise ValueError("the bootstrap needs at least one validation trial with an annotated frame")
    repeats, *others = sorted({len(one.repeats) for one in labelled})
    if others:
        raise ValueError(f"all trials need the same number of repeats, got {repeats} to {others[-1]}")
    # Generators of their own: models with other numbers of repeats are still given the same trials.
    of_trials, of_repeats = np.random.default_rng(seed), np.random.default_rng([seed, repeats])
    by_fold: dict[int, list[TrialPrediction]] = {}
    for one in labelled:
        by_fold.setdefault(one.fold or 0, []).append(one)
    of_folds = []
    for trials in by_fold.values():
        moments = np.stack([[_moments(one.labels, said) for said in one.repeats] for one in trials])
        if not moments[..., 0].any(axis=(0, 1)).all():
            raise ValueError(f"fold {trials[0].fold or 0} has no annotated frame of one of {', '.join(targets)}")
        counts = _draw(len(trials), resamples, of_trials)
        scores = _ccc(np.einsum("sn,nrkm->srkm", counts, moments))
        of_folds.append(np.einsum("sr,srk->sk", _draw(repeats, resamples, of_repeats) / repeats, scores))
    mean = np.mean(of_folds, axis=0)
    samples = {target: mean[:, column] for column, target in enumerate(targets)} | {"P": mean.mean(axis=1)}
    drawn_from = tuple((one.fold or 0, one.trial) for one in labelled)
    return Bootstrap(trials=drawn_from, repeats=repeats, samples=samples)


def _draw(count: int, resamples: int, generator: np.random.Generator) -> Array:
    """Return how often each of `count` is drawn in each resample, (resamples, count)."""
    return generator.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)


def _moments(labels: npt.NDArray[np.float32] | None, predictions: npt.NDArray[np.float32]) -> Array:
    """Return the sums from which a CCC over any set of trials follows: n, y, p, yy, pp, yp; (k, 6)."""
    assert labels is not None
    annotated = ~np.isnan(labels)
    y = np.where(annotated, labels, 0).astype(np.float64)
    p = np.where(annotated, predictions, 0).astype(np.float64)
    sums: Array = np.stack([annotated, y, p, y * y, p * p, y * p], axis=-1).sum(axis=0, dtype=np.float64)
    return sums


def _ccc(sums: Array) -> Array:
    """CCC from summed moments, (..., 6) -> (...); 0 where nothing varies, NaN where no frame was drawn."""
    n = np.maximum(sums[..., 0], 1)
    y, p, yy, pp, yp = (sums[..., i] / n for i in range(1, 6))
    spread = (yy - y * y) + (pp - p * p) + (y - p) ** 2
    ccc = np.divide(2 * (yp - y * p), spread, out=np.zeros_like(spread), where=spread > 1e-12)
    return np.where(sums[..., 0] > 0, ccc, np.nan)


def _interval(samples: Array, level: float) -> Interval:
    low, high = np.nanquantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return Interval(low=float(low), high=float(high))
