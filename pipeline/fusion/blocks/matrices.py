"""The papers' bare weight matrices, for systems whose equations are matrix products rather than layers."""

from typing import TypeAlias

import torch
from torch import Tensor, nn

Affine: TypeAlias = tuple[nn.Parameter, nn.Parameter | None]
"""A weight matrix and its bias, None where the equations have no bias."""


def xavier(rows: int, columns: int) -> nn.Parameter:
    """Return a (rows, columns) matrix, Xavier-uniform."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(rows, columns)))


def zeros(width: int) -> nn.Parameter:
    """Return a vector of zeros, for a bias."""
    return nn.Parameter(torch.zeros(width))


def affine(x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    """Return x W + b for x : (..., rows)."""
    return x @ W if b is None else x @ W + b
