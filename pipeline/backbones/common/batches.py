"""Running a network batch by batch on its device, with copies that overlap the work where that is a GPU."""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Pixels = npt.NDArray[np.uint8]


def to_device(array: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    """Bring an array to `device`; to a GPU from pinned memory and without waiting."""
    tensor = torch.from_numpy(array)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def run_batches(
    function: Callable[..., Tensor], batches: Iterable[tuple[object, ...]], *, device: torch.device
) -> npt.NDArray[np.float32]:
    """Call `function` with each batch's arguments, without gradients and without autocast, and join the results.

    Parameters
    ----------
    function : returns (n, width) on `device`
    batches : its arguments; at least one batch
    device : where `function` computes

    Returns
    -------
    (sum of n, width) float32
    """
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        # Results stay on the device until the end: fetching each would wait for it.
        results = [function(*batch).float() for batch in batches]
        return np.asarray(torch.cat(results).cpu().numpy(), dtype=np.float32)


def embed_faces(
    forward: Callable[[Tensor], Tensor],
    gather: Callable[[npt.NDArray[np.int64]], Pixels],
    has_face: npt.NDArray[np.bool_],
    *,
    batch: int,
    device: torch.device,
) -> npt.NDArray[np.float32]:
    """Embed the pictures of each frame; frames without a face are computed once for all.

    Parameters
    ----------
    forward : maps (n, ...) uint8 pixels on `device` to (n, width)
    gather : returns the pixels that belong to some frames; zeros where there is no face
    has_face : (t,) False where all of the frame's pixels are zeros
    batch : frames at a time
    device : where `forward` computes

    Returns
    -------
    (t, width); frames without a face share the embedding of black
    """
    rest = np.flatnonzero(has_face)
    any_frame = np.zeros(1, dtype=np.int64)

    def embed_batch(frames: npt.NDArray[np.int64], black: bool) -> Tensor:
        pixels = gather(frames)
        return forward(to_device(np.zeros_like(pixels) if black else pixels, device))

    parts = [(rest[start : start + batch], False) for start in range(0, len(rest), batch)]
    rows = run_batches(embed_batch, [*parts, (any_frame, True)], device=device)
    embedding = np.broadcast_to(rows[-1], (len(has_face), rows.shape[1])).copy()
    embedding[rest] = rows[:-1]
    return embedding
