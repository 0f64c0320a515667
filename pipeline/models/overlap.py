"""Windows overlap, frames do not: the mean of all predictions that cover a frame.

Sums are kept in double precision. A frame lies in two or three windows, so the sum of their single-precision values is
practically exact, and the mean does not depend on the order in which a GPU adds them.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class UncoveredFramesError(ValueError):
    """Some frames lie in no window."""

    def __init__(self, uncovered: npt.NDArray[np.int64], frames: int) -> None:
        self.uncovered = uncovered
        shown = ", ".join(str(frame) for frame in uncovered[:5]) + (", ..." if len(uncovered) > 5 else "")
        super().__init__(f"{len(uncovered)} of {frames} frames are covered by no window: {shown}")


def overlap_average(windows: Tensor, index: Tensor, mask: Tensor, frames: int) -> Tensor:
    """Mean of the windows' values for each frame, on the device of the windows.

    Parameters
    ----------
    windows : (n, l, ...), one value (of any shape) per window and position
    index : (n, l) integer, the frame of each position; ignored where `mask` is False. Frames of several trials may be
        numbered through, so that one call serves a whole partition
    mask : (n, l) bool, False for padded positions
    frames : number of frames in all

    Returns
    -------
    (frames, ...) of the windows' type

    Raises
    ------
    UncoveredFramesError
        If a frame lies in no window.
    ValueError
        If the shapes disagree, or an unmasked index is not within [0, frames).
    """
    if index.shape != mask.shape or windows.shape[: index.ndim] != index.shape:
        raise ValueError(
            f"windows {tuple(windows.shape)}, index {tuple(index.shape)} and mask {tuple(mask.shape)} disagree: "
            "expected (n, l, ...), (n, l), (n, l)"
        )
    place = index[mask]
    if place.numel() and (int(place.min()) < 0 or int(place.max()) >= frames):
        raise ValueError(f"index reaches from {int(place.min())} to {int(place.max())}, but there are {frames} frames")
    values = windows[mask].to(torch.float64)
    total = torch.zeros((frames, *windows.shape[index.ndim :]), dtype=torch.float64, device=windows.device)
    total.index_add_(0, place, values)
    count = torch.bincount(place, minlength=frames)
    if bool((count == 0).any()):
        raise UncoveredFramesError(torch.nonzero(count == 0).flatten().cpu().numpy(), frames)
    shape = (frames, *([1] * (total.ndim - 1)))
    return (total / count.reshape(shape)).to(windows.dtype)
