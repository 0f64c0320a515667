"""Running a network batch by batch on its device, while the next batches are read and prepared beside it."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Pixels = npt.NDArray[np.uint8]
T = TypeVar("T")

AHEAD = 2
"""Batches that are read before they are asked for; with the one in use, no more than three are in memory."""


def read_ahead(reads: Iterable[Callable[[], T]], *, ahead: int = AHEAD) -> Generator[T, None, None]:
    """Call each of `reads` in a thread of their own and yield the results in order.

    Parameters
    ----------
    reads : what to call
    ahead : results that may be waiting, the one under way included
    """
    with ThreadPoolExecutor(1, thread_name_prefix="reader") as reader:
        waiting: deque[Future[T]] = deque()
        try:
            for read in reads:
                if len(waiting) == ahead:
                    # What is asked for is given away before the next is begun, so that it is counted once.
                    yield waiting.popleft().result()
                waiting.append(reader.submit(read))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def staged(array: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    """Put an array where `device` copies from fastest: into pinned memory for a GPU."""
    tensor = torch.from_numpy(array)
    return tensor if device.type == "cpu" else tensor.pin_memory()


def to_device(array: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    """Bring an array to `device`; to a GPU from pinned memory and without waiting."""
    return staged(array, device).to(device, non_blocking=True)


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
    with torch.inference_mode(), torch.autocast(device.type, enabled=False), _plain_float32(device):
        # Results stay on the device until the end: fetching each would wait for it.
        results = [function(*batch).float() for batch in batches]
        return np.asarray(torch.cat(results).cpu().numpy(), dtype=np.float32)


def _plain_float32(device: torch.device) -> AbstractContextManager[object]:
    """Keep a GPU's convolutions from computing float32 with the 10 bits of TF32, as cuDNN does by default."""
    if device.type == "cpu":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


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
    gather : reads the pixels that belong to some frames, in another thread; zeros where there is no face
    has_face : (t,) False where all of the frame's pixels are zeros
    batch : frames at a time
    device : where `forward` computes

    Returns
    -------
    (t, width); frames without a face share the embedding of black
    """
    rest = np.flatnonzero(has_face)

    def read(frames: npt.NDArray[np.int64]) -> Tensor:
        return staged(gather(frames), device)

    def black() -> Tensor:
        return staged(np.zeros_like(gather(np.zeros(1, dtype=np.int64))), device)

    reads: list[Callable[[], Tensor]] = [
        *(partial(read, rest[start : start + batch]) for start in range(0, len(rest), batch)),
        black,
    ]
    batches = ((pixels.to(device, non_blocking=True),) for pixels in read_ahead(reads))
    rows = run_batches(forward, batches, device=device)
    embedding = np.broadcast_to(rows[-1], (len(has_face), rows.shape[1])).copy()
    embedding[rest] = rows[:-1]
    return embedding
