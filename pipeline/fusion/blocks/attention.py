"""Scaled dot-product attention over time, with padded frames left out of the keys."""

import math

import torch
from torch import Tensor, nn


class TimeAttention(nn.Module):
    """softmax(Q K' / sqrt(d_k)) V over the frames of a window, in one or several heads.

    Q, K and V are linear projections without bias: one on the keys would cancel in the softmax and never be trained.

    Parameters
    ----------
    d_query : width of the features that ask
    d_key : width of the features that are attended to
    width : of queries, keys and values over all heads, and of the output
    heads : number of heads; d_k = width / heads

    Raises
    ------
    ValueError
        for a width below 1, or one that the heads do not divide
    """

    def __init__(self, *, d_query: int, d_key: int, width: int, heads: int = 1) -> None:
        super().__init__()
        if min(d_query, d_key, width) < 1:
            raise ValueError(f"widths must be positive, got d_query={d_query}, d_key={d_key}, width={width}")
        if heads < 1 or width % heads:
            raise ValueError(f"heads must divide the width, got {heads} heads for width {width}")
        self.heads = heads
        self.query = nn.Linear(d_query, width, bias=False)
        self.key = nn.Linear(d_key, width, bias=False)
        self.value = nn.Linear(d_key, width, bias=False)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attend.

        Parameters
        ----------
        queries : (b, t, d_query)
        keys : (b, t, d_key)
        mask : (b, t) bool, true at frames that may be attended to

        Returns
        -------
        attended : (b, t, width)
        weights : (b, heads, t, t), rows summing to one over the frames of `keys`
        """
        Q, K, V = (
            projected.reshape(*projected.shape[:-1], self.heads, -1).transpose(1, 2)  # (b, heads, t, d_k)
            for projected in (self.query(queries), self.key(keys), self.value(keys))
        )
        scores = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])  # (b, heads, t, t)
        weights = masked_softmax(scores, mask[:, None, None, :], dim=-1)
        return (weights @ V).transpose(1, 2).flatten(2), weights


def masked_softmax(scores: Tensor, mask: Tensor, *, dim: int) -> Tensor:
    """Return the softmax of `scores` along `dim` over the places where `mask` is true, and zero elsewhere.

    The lowest finite number stands for a masked score, so that a window without any frame gives numbers, not NaN.
    """
    return torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=dim)
