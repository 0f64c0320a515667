"""Embedding pictures frame by frame, where frames that show nothing share one embedding."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.backbones.common.transfer import run_batches, to_device

Pixels = npt.NDArray[np.uint8]


def embed_visible(
    forward: Callable[[Tensor], Tensor],
    gather: Callable[[npt.NDArray[np.int64]], Pixels],
    visible: npt.NDArray[np.bool_],
    *,
    batch: int,
    device: torch.device,
) -> npt.NDArray[np.float32]:
    """Embed what each frame shows.

    Parameters
    ----------
    forward : maps (n, ...) uint8 pixels on `device` to (n, width)
    gather : returns the pixels that belong to some frames; zeros where there is no face
    visible : (t,) whether the frame's pixels are anything but zeros
    batch : frames at a time

    Returns
    -------
    (t, width); frames that show nothing share the embedding of black
    """
    seen = np.flatnonzero(visible)
    any_frame = np.zeros(1, dtype=np.int64)

    def embed_batch(frames: npt.NDArray[np.int64], black: bool) -> Tensor:
        pixels = gather(frames)
        return forward(to_device(np.zeros_like(pixels) if black else pixels, device))

    parts = [(seen[start : start + batch], False) for start in range(0, len(seen), batch)]
    rows = run_batches(embed_batch, [*parts, (any_frame, True)], device=device)
    embedding = np.broadcast_to(rows[-1], (len(visible), rows.shape[1])).copy()
    embedding[seen] = rows[:-1]
    return embedding
