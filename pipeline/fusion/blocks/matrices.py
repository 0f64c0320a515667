"""The papers' bare weight matrices, for systems whose equations are matrix products rather than layers."""

from typing import TypeAlias

import torch
from torch import Tensor, nn

Affine: TypeAlias = tuple[nn.Parameter, nn.Parameter | None]
"""A weight matrix and its bias, None where the equations have no bias."""


def xavier(rows: int, columns: int, *, gain: float = 1.0) -> nn.Parameter:
    """Return a (rows, columns) matrix, Xavier-uniform, multiplied by `gain`."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(rows, columns), gain=gain))


def zeros(*shape: int) -> nn.Parameter:
    """Return a parameter of zeros: a bias, or a matrix whose product is to start at nothing."""
    return nn.Parameter(torch.zeros(*shape))


def affine(x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    """Return x W + b for x : (..., rows)."""
    return x @ W if b is None else x @ W + b
