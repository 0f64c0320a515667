"""Running a network batch by batch on its device, with copies that overlap the work where that is a GPU."""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


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
