"""The views of a stream in training and evaluation: one per window to learn from, the centre or all of them to predict.

Streams of several views are (v, n, d_m), all others (n, d_m); view 0 is the centre.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

Streams = Mapping[str, Tensor]


def draw_views(streams: Streams, windows: int, *, generator: torch.Generator) -> dict[str, Tensor]:
    """Draw a view for each of `windows` windows, (windows,), for each stream that has several; independently.

    No number is drawn for a stream of one view: the course of the random numbers is that of a training without views.
    """
    return {
        role: torch.randint(len(x), (windows,), generator=generator).to(x.device)
        for role, x in streams.items()
        if x.ndim == 3
    }


def gather_windows(x: Tensor, index: Tensor, view: Tensor | None) -> Tensor:
    """Gather windows from the rows of a stream.

    Parameters
    ----------
    x : (n, d_m), or (v, n, d_m)
    index : (b, t), rows
    view : (b,), the view of each window; None where there is only one

    Returns
    -------
    (b, t, d_m)
    """
    return x[index] if view is None else x[view[:, None], index]


def evaluation_passes(
    streams: Streams, views: Mapping[str, Sequence[str]], *, how: Literal["centre", "mean"]
) -> list[dict[str, Tensor]]:
    """Return the streams, each (n, d_m), of every pass that a prediction takes.

    Parameters
    ----------
    streams : (n, d_m) or (v, n, d_m) for each role
    views : names of the views of each role that has several
    how : the centre view alone, or a pass for every view. A pass shows all streams in the same view; a stream that
        lacks it shows its centre
    """
    names = ["centre"]
    if how == "mean":
        names = list(dict.fromkeys(name for role, of in views.items() if streams[role].ndim == 3 for name in of))
    return [
        {role: x if x.ndim == 2 else x[_place(views[role], name)] for role, x in streams.items()}
        for name in names or ["centre"]
    ]


def _place(views: Sequence[str], name: str) -> int:
    return list(views).index(name) if name in views else 0


def predict_views(
    predict: Callable[[Streams], dict[str, Tensor]],
    streams: Streams,
    views: Mapping[str, Sequence[str]],
    *,
    how: Literal["centre", "mean"],
) -> dict[str, Tensor]:
    """Predict from streams of several views: the mean of what `predict` says of each pass.

    Parameters
    ----------
    predict : maps streams (n, d_m) to values (n, ...) by name
    streams, views, how : as in `evaluation_passes`
    """
    first, *others = [predict(given) for given in evaluation_passes(streams, views, how=how)]
    if not others:
        return first
    return {
        name: torch.stack([values, *(other[name] for other in others)]).double().mean(dim=0).to(values.dtype)
        for name, values in first.items()
    }
