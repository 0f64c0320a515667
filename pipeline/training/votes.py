"""The loss of a model that weighs several predictions of each frame: of each vote, and of how reliable it says it is.

A network fits its own training frames, those of a covered face too: its errors there do not tell which frames are
unreliable. So reliability is learned from the errors of another predictor on frames that it was not fitted on: a ridge
regression for each voter, from the voter's streams at that frame alone, fitted on the other trials (`held_out_errors`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.fusion.blocks.voting import Votes
from pipeline.models.standardise import Standardise
from pipeline.training.loss import Scope, ccc_loss

PARTS = 5
"""Blocks of consecutive trials; errors in one come from a regression on the others."""

STRENGTHS = (0.01, 0.1, 1.0, 10.0)
"""Ridge penalties, relative to the variance of a feature; the one with the least held-out error is taken."""

CHUNK = 8192
"""Frames that are held in double precision at a time."""

PRECISION = 10.0
"""Weight of the precisions' loss against the votes' own."""

Array = npt.NDArray[np.floating]


def vote_loss(
    votes: Votes, labels: Tensor, mask: Tensor, errors: Tensor, *, own: Tensor | None = None, scope: Scope
) -> Tensor:
    """Mean over voters of 1 - CCC, and the Gaussian negative log-likelihood of errors of the expected precision.

    Parameters
    ----------
    votes : of V voters
    labels : (b, t, k), NaN where a target is not annotated
    mask : (b, t) bool, False at padding
    errors : (b, t, V), squared errors as a share of the targets' variance; NaN where no target is annotated
    own : (b, t, V - 1) bool, False where modality dropout replaced a stream: there its voter is not asked for the
        labels, nor any voter that reads it for its precision; all streams are the window's own unless given
    scope : as `ccc_loss`
    """
    told, masks = mask.unsqueeze(-1) & ~errors.isnan(), [mask] * votes.precision.shape[-1]
    if own is not None:
        told = told & torch.cat([own, own.all(dim=-1, keepdim=True)], dim=-1)
        masks = [mask & one for one in own.unbind(dim=-1)] + [mask]
    each = [
        ccc_loss(predictions, labels, inside, scope=scope)
        for predictions, inside in zip(votes.predictions.unbind(dim=-2), masks, strict=True)
    ]
    precision = votes.precision.float()
    likelihood = (errors.where(told, 0.0) * torch.exp(precision) - precision) / 2
    return torch.stack(each).mean() + PRECISION * (likelihood * told).sum() / told.sum().clamp_min(1)


def held_out_errors(
    streams: Mapping[str, Array], labels: Array, trials: Sequence[npt.NDArray[np.int64]]
) -> npt.NDArray[np.float32]:
    """Return how far off a ridge regression from each stream, and from all of them, is on trials it was not fitted on.

    Trials that follow each other stay together, since neighbours in the table are often of one subject.

    Parameters
    ----------
    streams : (n, d_m) by role
    labels : (n, k), NaN where a target is not annotated
    trials : rows of each trial, two or more, in the order of the table

    Returns
    -------
    (n, M + 1): the squared error as a share of the target's variance, mean over the annotated targets; NaN outside
    `trials` and where no target is annotated

    Raises
    ------
    ValueError
        There are fewer than two trials.
    """
    if len(trials) < 2:
        raise ValueError(f"errors on held-out trials need two or more trials, got {len(trials)}")
    parts = min(PARTS, len(trials))
    blocks = [
        np.concatenate([rows for place, rows in enumerate(trials) if place * parts // len(trials) == part])
        for part in range(parts)
    ]
    scaled = {role: _Scaled(x, trials) for role, x in streams.items()}
    errors = np.full((len(labels), len(streams) + 1), np.nan, dtype=np.float32)
    for column, roles in enumerate([*([role] for role in streams), list(streams)]):
        inputs = [scaled[role] for role in roles]
        errors[:, column] = _mean(np.stack([_errors(inputs, labels[:, k], blocks) for k in range(labels.shape[1])]))
    return errors


class _Scaled:
    """A stream with zero mean and unit variance over the rows of some trials, read in parts."""

    def __init__(self, x: Array, trials: Sequence[npt.NDArray[np.int64]]) -> None:
        statistics = Standardise.fit((x[rows] for rows in trials), kind="per_dimension")
        self.x, self.mean, self.std = x, statistics.mean.double().numpy(), statistics.std.double().numpy()

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.asarray((self.x[rows] - self.mean) / self.std, dtype=np.float64)


def _errors(inputs: Sequence[_Scaled], labels: Array, blocks: Sequence[npt.NDArray[np.int64]]) -> Array:
    """Return the squared errors of one target, (n,), relative to its variance; NaN where it has none."""
    known = [block[~np.isnan(labels[block])] for block in blocks]
    centre = np.mean(np.concatenate([labels[block] for block in known]), dtype=np.float64)
    y = labels.astype(np.float64) - centre
    variance = np.mean(np.concatenate([y[block] for block in known]) ** 2)
    sums = [_sums(inputs, y, block) for block in known]
    squares, products = (np.sum([of[part] for of in sums], axis=0) for part in (0, 1))
    # Each block's weights, of all strengths side by side, from the sums over the other blocks.
    scale = sum(map(len, known)) * np.eye(len(products))
    errors = np.full((len(STRENGTHS), len(labels)), np.nan)
    for block, (own, of_own) in zip(known, sums, strict=True):
        weights = [np.linalg.solve(squares - own + strength * scale, products - of_own) for strength in STRENGTHS]
        for rows in _chunks(block):
            errors[:, rows] = (_read(inputs, rows) @ np.stack(weights, axis=1) - y[rows, None]).T ** 2
    best = errors[int(np.argmin(np.nansum(errors, axis=1)))]
    return np.asarray(best / max(variance, np.finfo(np.float32).tiny))


def _sums(inputs: Sequence[_Scaled], y: Array, block: npt.NDArray[np.int64]) -> tuple[Array, Array]:
    """Return X'X and X'y over the rows of a block."""
    width = sum(len(one.mean) for one in inputs)
    squares, products = np.zeros((width, width)), np.zeros(width)
    for rows in _chunks(block):
        x = _read(inputs, rows)
        squares += x.T @ x
        products += x.T @ y[rows]
    return squares, products


def _read(inputs: Sequence[_Scaled], rows: npt.NDArray[np.int64]) -> Array:
    return np.concatenate([one[rows] for one in inputs], axis=1)


def _chunks(rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]


def _mean(errors: Array) -> Array:
    """Return the mean over the first axis, of what is not NaN; NaN where all are."""
    told = ~np.isnan(errors)
    total = np.where(told, errors, 0).sum(axis=0)
    return np.where(told.any(axis=0), total / np.maximum(told.sum(axis=0), 1), np.nan)
