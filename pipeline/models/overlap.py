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
    """Mean of the windows' values for each frame, on whatever device the windows are.

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


class OverlapAverage:
    """The same mean for windows that come one at a time, such as those of a stream.

    Parameters
    ----------
    frames : number of frames of the trial
    shape : shape of one frame's value, such as ``(k,)``
    """

    def __init__(self, frames: int, *shape: int) -> None:
        if frames < 1:
            raise ValueError(f"a trial has at least one frame, got {frames}")
        self.frames = frames
        self._sum = np.zeros((frames, *shape), dtype=np.float64)
        self._count = np.zeros(frames, dtype=np.int64)

    def add(self, start: int, window: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_] | None = None) -> None:
        """Add a window whose first position is frame `start`.

        Parameters
        ----------
        start : frame of the first position
        window : (l, ...)
        mask : (l,), False for padded positions, which may reach past the last frame; all True if left out

        Raises
        ------
        ValueError
            If shapes disagree, or an unmasked position lies outside the trial.
        """
        window = np.asarray(window)
        kept = np.ones(len(window), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
        if window.shape[1:] != self._sum.shape[1:] or kept.shape != (len(window),):
            raise ValueError(
                f"window {window.shape} and mask {kept.shape} do not fit frames of shape {self._sum.shape[1:]}"
            )
        place = start + np.flatnonzero(kept)
        if place.size and (place[0] < 0 or place[-1] >= self.frames):
            raise ValueError(f"window reaches from {place[0]} to {place[-1]}, but there are {self.frames} frames")
        # Positions of one window are distinct frames, so plain indexing adds each of them.
        self._sum[place] += window[kept]
        self._count[place] += 1

    def mean(self) -> npt.NDArray[np.float32]:
        """Mean per frame, (frames, ...); raises `UncoveredFramesError` if a frame lies in no window."""
        if (self._count == 0).any():
            raise UncoveredFramesError(np.flatnonzero(self._count == 0), self.frames)
        count = self._count.reshape(-1, *([1] * (self._sum.ndim - 1)))
        return (self._sum / count).astype(np.float32)
