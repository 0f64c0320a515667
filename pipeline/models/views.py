"""Streams whose frames were embedded in more than one view: a view per window to learn from, the centre to predict.

A *view* is one way of cropping a face before it is embedded. A stream of several views is (v, n, d_m) with the centre
first, any other (n, d_m).
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy.typing as npt
import torch
from torch import Tensor

Stream = TypeVar("Stream", Tensor, npt.NDArray[Any])


def choose_views(streams: Mapping[str, Tensor], windows: int, *, generator: torch.Generator) -> dict[str, Tensor]:
    """Choose a view for each of `windows` windows, independently for each stream that has several.

    Nothing is drawn from `generator` for a stream of one view: training without views has the same order of windows.

    Returns
    -------
    For each role of several views (windows,), the chosen view's index in the stream's first dimension.
    """
    return {
        role: torch.randint(len(x), (windows,), generator=generator).to(x.device)
        for role, x in streams.items()
        if x.ndim == 3
    }


def gather_windows(x: Tensor, index: Tensor, chosen: Tensor | None) -> Tensor:
    """Gather windows from the rows of a stream.

    Parameters
    ----------
    x : (n, d_m), or (v, n, d_m)
    index : (b, t), rows
    chosen : (b,), the index of each window's view; None for a stream of one view

    Returns
    -------
    (b, t, d_m)
    """
    return x[index] if chosen is None else x[chosen[:, None], index]


def centre_view(x: Stream) -> Stream:
    """Return the centre view (n, d_m) of a stream (n, d_m) or (v, n, d_m)."""
    return x if x.ndim == 2 else x[0]
