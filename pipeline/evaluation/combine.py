"""One test prediction from several folds' models: their mean, or their mean after CCC-centring."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.metrics import ccc

Combination = Literal["mean", "ccc_centred"]
Array = npt.NDArray[np.float32]


def combine(predictions: npt.NDArray[np.floating], *, how: Combination) -> Array:
    """Combine the models' predictions of one trial.

    Parameters
    ----------
    predictions : (m, t, k), one series per model and target
    how : ``mean`` or ``ccc_centred``

    Returns
    -------
    (t, k)

    Raises
    ------
    ValueError
        If there is no model, or `how` is neither of the two.
    """
    series = np.asarray(predictions, dtype=np.float64)
    if series.ndim != 3 or 0 in series.shape:
        raise ValueError(f"expected predictions of shape (models, frames, targets), none of them 0, got {series.shape}")
    ways: dict[str, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
        "mean": lambda one: one.mean(axis=0),
        "ccc_centred": ccc_centred,
    }
    if how not in ways:
        raise ValueError(f"unknown combination {how!r}: one of {', '.join(get_args(Combination))}")
    return np.stack([ways[how](series[:, :, target]) for target in range(series.shape[2])], axis=-1).astype(np.float32)


def ccc_centred(series: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of series that were first shifted to a common level, the one on which the agreeing series lie.

    Each series is moved to the mean level sum_i w_i mean(x_i) / sum_i w_i, where w_i is the mean CCC of series i with
    the others: a model that disagrees with the rest contributes its shape, but not its offset. Levels are shifted, not
    scaled. Negative agreement weighs nothing; where nothing agrees, or fewer than three series are given (two agree
    equally with each other), the level is the plain mean.

    Parameters
    ----------
    series : (m, t)

    Returns
    -------
    (t,)
    """
    levels = series.mean(axis=1)
    weights = agreement(series)
    level = float(weights @ levels / weights.sum()) if weights.sum() > 0 else float(levels.mean())
    centred: npt.NDArray[np.float64] = (series - levels[:, None]).mean(axis=0) + level
    return centred


def agreement(series: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean CCC of each series with the others, not below 0; (m, t) -> (m,)."""
    models = len(series)
    pairs = np.array([[ccc(one, other) for other in series] for one in series])
    others = (pairs.sum(axis=1) - pairs.diagonal()) / max(models - 1, 1)
    clipped: npt.NDArray[np.float64] = np.maximum(others, 0.0)
    return clipped
