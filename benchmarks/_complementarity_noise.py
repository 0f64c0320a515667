"""What a pair of embeddings is like, in figures that do not hang on their width: for the demo and for the simulation.

The decoders are those of benchmarks/demo_decodability.py: ridge regression on smoothed features, its strength chosen by
cross-validation over subjects; here every figure is of held-out subjects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from benchmarks.demo_decodability import ALPHAS, COMPONENTS, SMOOTHING, concordance

Matrix = npt.NDArray[np.float64]
FOLDS = 4
MODALITIES = ("visual", "audio")


@dataclass(frozen=True)
class Example:
    """One trial as the figures need it.

    Parameters
    ----------
    subject : trials of one subject are held out together
    rate : frames per second
    features : (t, d_m) by modality
    labels : (t, 2), NaN where un-annotated
    useless : (t,) bool by modality
    """

    subject: str
    rate: float
    features: Mapping[str, Matrix]
    labels: Matrix
    useless: Mapping[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Profile:
    """The figures of one corpus.

    Parameters
    ----------
    p : P of the ridge on clean frames, by ``visual``, ``audio`` and ``both``
    p_fitted : the same on the frames that it was fitted on
    leak : by modality, the share of variance that lies between trials
    still : by modality, the correlation of a frame with the one a quarter of a second on, within trials
    dimensions : by modality, how many directions share the variance (participation ratio)
    told : by modality, the AUC with which a ridge tells useless frames of held-out subjects
    novel : by modality, the AUC with which the distance from the mean over all frames tells useless ones
    """

    p: Mapping[str, float]
    p_fitted: Mapping[str, float]
    leak: Mapping[str, float]
    still: Mapping[str, float]
    dimensions: Mapping[str, float]
    told: Mapping[str, float]
    novel: Mapping[str, float]


def profile(examples: Sequence[Example]) -> Profile:
    """Measure a corpus."""
    decoded = {modality: _decode(examples, modality) for modality in MODALITIES}
    truth = np.concatenate([one.labels for one in examples])
    clean = ~np.isnan(truth).any(axis=1)
    for modality in MODALITIES:
        clean &= ~np.concatenate([one.useless[modality] for one in examples])
    figures: dict[str, dict[str, float]] = {}
    for place, side in (("p", 0), ("p_fitted", 1)):
        guesses = {modality: decoded[modality][side] for modality in MODALITIES}
        joined = np.concatenate([guess[clean] for guess in guesses.values()], axis=1)
        weights = LinearRegression().fit(joined, truth[clean])
        guesses = {name: guess[clean] for name, guess in guesses.items()} | {"both": weights.predict(joined)}
        figures[place] = {
            name: float(np.mean([concordance(truth[clean, k], guess[:, k]) for k in range(truth.shape[1])]))
            for name, guess in guesses.items()
        }
    return Profile(
        p=figures["p"],
        p_fitted=figures["p_fitted"],
        leak={modality: leak(examples, modality) for modality in MODALITIES},
        still={modality: still(examples, modality) for modality in MODALITIES},
        dimensions={modality: dimensions(examples, modality) for modality in MODALITIES},
        told={modality: told(examples, modality) for modality in MODALITIES},
        novel={modality: novel(examples, modality) for modality in MODALITIES},
    )


def leak(examples: Sequence[Example], modality: str) -> float:
    """Return the share of a modality's variance that lies between trials rather than within them."""
    frames = np.concatenate([one.features[modality] for one in examples])
    within = np.concatenate([x - x.mean(axis=0) for x in (one.features[modality] for one in examples)])
    return float(1 - within.var(axis=0).sum() / frames.var(axis=0).sum())


def still(examples: Sequence[Example], modality: str, *, seconds: float = 0.25) -> float:
    """Return the correlation of a frame with the one `seconds` later, within trials and over all dimensions."""
    products, squares = 0.0, 0.0
    for one in examples:
        x, lag = one.features[modality] - one.features[modality].mean(axis=0), max(1, round(seconds * one.rate))
        products += float((x[lag:] * x[:-lag]).mean(axis=0).sum())
        squares += float((x * x).mean(axis=0).sum())
    return products / squares


def dimensions(examples: Sequence[Example], modality: str) -> float:
    """Return the participation ratio of the variance within trials: (sum of eigenvalues)^2 / sum of squares."""
    within = np.concatenate([x - x.mean(axis=0) for x in (one.features[modality] for one in examples)])
    eigenvalues = np.linalg.svd(within, compute_uv=False) ** 2
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())


def told(examples: Sequence[Example], modality: str) -> float:
    """Return the AUC of a ridge for useless frames of held-out subjects."""
    data, groups = _inputs(examples, modality)
    truth = np.concatenate([one.useless[modality] for one in examples])
    guess = cross_val_predict(Ridge(1.0), data, truth.astype(np.float64), cv=GroupKFold(FOLDS), groups=groups)
    return float(roc_auc_score(truth, guess))


def novel(examples: Sequence[Example], modality: str, *, seconds: float = 0.1) -> float:
    """Return the AUC for useless frames of how far a frame is from the mean of all, slightly smoothed."""
    data = np.concatenate([gaussian_filter1d(one.features[modality], seconds * one.rate, axis=0) for one in examples])
    truth = np.concatenate([one.useless[modality] for one in examples])
    return float(roc_auc_score(truth, np.square(data - data.mean(axis=0)).sum(axis=1)))


def _inputs(examples: Sequence[Example], modality: str) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Return the smoothed features of all frames, in principal components, and the number of each frame's subject."""
    smooth = [gaussian_filter1d(one.features[modality], SMOOTHING * one.rate, axis=0) for one in examples]
    data = np.concatenate(smooth)
    projection = PCA(min(COMPONENTS, *data.shape), svd_solver="covariance_eigh").fit(data)
    names = sorted({one.subject for one in examples})
    groups = np.concatenate([np.full(len(one.labels), names.index(one.subject)) for one in examples])
    return projection.transform(data) / np.sqrt(projection.explained_variance_[0]), groups


def _decode(examples: Sequence[Example], modality: str) -> tuple[Matrix, Matrix]:
    """Return a ridge's predictions of the labels (n, 2) for held-out subjects and for those it was fitted on."""
    data, groups = _inputs(examples, modality)
    labels = np.concatenate([one.labels for one in examples])
    known = ~np.isnan(labels).any(axis=1)
    folds = list(GroupKFold(FOLDS).split(data[known], groups=groups[known]))
    outside = {alpha: cross_val_predict(Ridge(alpha), data[known], labels[known], cv=folds) for alpha in ALPHAS}
    alpha = min(ALPHAS, key=lambda value: float(np.mean((outside[value] - labels[known]) ** 2)))
    held_out = np.full_like(labels, np.nan)
    held_out[known] = outside[alpha]
    return held_out, Ridge(alpha).fit(data[known], labels[known]).predict(data)
