"""Standardisation of features with the statistics of the training folds; it travels inside the model's checkpoint."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

CONSTANT = 1e-6
"""A standard deviation below this share of the largest one belongs to a dimension that does not move."""


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
        cls,
        trials: Iterable[npt.NDArray[np.floating]],
        *,
        kind: Literal["per_dimension", "scalar"],
    ) -> "Standardise":
        """Compute the statistics of all frames of `trials`, each (t, d), in double precision.

        A dimension that does not move is centred only.

        Raises
        ------
        ValueError
            There are no frames, or one is not finite.
        """
        count, total, square = 0, np.zeros(0), np.zeros(0)
        for trial in trials:
            x = trial.astype(np.float64)
            if not count:
                shift, total, square = x.mean(axis=0), np.zeros(x.shape[1]), np.zeros(x.shape[1])
            # Moments about the first trial's mean do not cancel where the mean is far from zero.
            total += (x - shift).sum(axis=0)
            square += ((x - shift) ** 2).sum(axis=0)
            count += len(x)
        if not count or not np.isfinite(square).all():
            raise ValueError(
                f"standardisation needs finite features, got {count} frames" + (" with NaN" if count else "")
            )
        mean = shift + total / count
        variance = np.maximum(square / count - (total / count) ** 2, 0)
        if kind == "scalar":
            overall = mean.mean()
            variance = np.full_like(variance, (variance + (mean - overall) ** 2).mean())
            mean = np.full_like(mean, overall)
        std = np.sqrt(variance)
        std[std <= CONSTANT * max(std.max(), CONSTANT)] = 1.0
        return cls(mean=torch.from_numpy(mean), std=torch.from_numpy(std))
