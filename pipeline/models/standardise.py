"""Standardisation of features with the statistics of the training folds; it travels inside the model's checkpoint."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

CONSTANT = 1e-6
"""A standard deviation below this share of the largest one belongs to a dimension that does not move."""


BLOCK = 1024
"""Frames that are widened to double precision at a time: they stay in the processor's cache."""

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations of some frames, in double precision.

    Those of trials are combined one after the other: the same trials in the same order give the same bytes, whoever
    computed them.

    Parameters
    ----------
    count : of frames
    mean, squares : (d,)
    """

    count: int
    mean: Vector
    squares: Vector

    @classmethod
    def of(cls, x: npt.NDArray[np.floating]) -> "Moments":
        """Compute the moments of frames (t, d); zeros where there are none."""
        total, squares = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        if not len(x):
            return cls(0, total, squares)
        # Moments about the first frames' mean do not cancel where the mean is far from zero.
        shift = x[:BLOCK].astype(np.float64).mean(axis=0)
        for start in range(0, len(x), BLOCK):
            block = x[start : start + BLOCK].astype(np.float64)
            block -= shift
            total += block.sum(axis=0)
            np.multiply(block, block, out=block)
            squares += block.sum(axis=0)
        return cls(len(x), shift + total / len(x), np.maximum(squares - total * (total / len(x)), 0))

    def __add__(self, other: "Moments") -> "Moments":
        """Combine with the moments of further frames (Chan, Golub and LeVeque, 1979)."""
        if not self.count or not other.count:
            return self if self.count else other
        count, apart = self.count + other.count, other.mean - self.mean
        share = other.count / count
        return Moments(
            count, self.mean + apart * share, self.squares + other.squares + apart * apart * (self.count * share)
        )


class Standardise(nn.Module):
    """(x - mean) / std, per feature dimension or with one scalar for all.

    Parameters
    ----------
    mean, std : (d,)
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        if mean.shape != std.shape or mean.ndim != 1:
            raise ValueError(f"mean {tuple(mean.shape)} and std {tuple(std.shape)} must be one vector each")
        if not bool((std > 0).all()):
            raise ValueError(f"{int((std <= 0).sum())} of {len(std)} standard deviations are not positive")
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())

    def forward(self, x: Tensor) -> Tensor:
        """Standardise x (b, t, d)."""
        return (x - self.mean) / self.std

    @classmethod
    def fit(
        cls, trials: Iterable[npt.NDArray[np.floating]], *, kind: Literal["per_dimension", "scalar"]
    ) -> "Standardise":
        """Compute the statistics of all frames of `trials`, each (t, d); see `from_moments`."""
        return cls.from_moments(map(Moments.of, trials), kind=kind)

    @classmethod
    def from_moments(cls, trials: Iterable[Moments], *, kind: Literal["per_dimension", "scalar"]) -> "Standardise":
        """Combine the trials' moments, in their order. A dimension that does not move is centred only.

        Raises
        ------
        ValueError
            There are no frames, or one is not finite.
        """
        whole = sum(trials, start=Moments(0, np.zeros(0), np.zeros(0)))
        count, mean = whole.count, whole.mean
        if not count or not np.isfinite(whole.squares).all():
            raise ValueError(
                f"standardisation needs finite features, got {count} frames" + (" with NaN" if count else "")
            )
        variance = whole.squares / count
        if kind == "scalar":
            overall = mean.mean()
            variance = np.full_like(variance, (variance + (mean - overall) ** 2).mean())
            mean = np.full_like(mean, overall)
        std = np.sqrt(variance)
        std[std <= CONSTANT * max(std.max(), CONSTANT)] = 1.0
        return cls(mean=torch.from_numpy(mean), std=torch.from_numpy(std))
