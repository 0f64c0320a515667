"""Windows over the frames of a trial: a fixed length, a hop, and one tail window for the remainder.

Published protocol (peer_protocol section 6.1 of the reference codes): starts 0, hop, 2 hop, ...; where the last of them
does not reach the end, one more window covers the trial's last frames. A trial shorter than the window gives one window
whose missing positions repeat the last frame and are masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Windows:
    """Which frames each window holds.

    Parameters
    ----------
    index : (n, l) int64, row of each position in the table of all frames
    mask : (n, l) bool, False for the positions that pad a short trial
    """

    index: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.index)


def window_starts(frames: int, *, window: int, hop: int) -> list[int]:
    """Return the first frame of each window over a trial of `frames` frames.

    Raises
    ------
    ValueError
        There are no frames, or the hop leaves frames between windows.
    """
    if frames < 1:
        raise ValueError(f"a trial needs at least one frame, got {frames}")
    if not 0 < hop <= window:
        raise ValueError(f"hop must be within 1 and the window length {window}, got {hop}")
    last = max(frames - window, 0)
    starts = list(range(0, last + 1, hop))
    return starts if starts[-1] == last else [*starts, last]


def cut_windows(rows: Sequence[npt.NDArray[np.int64]], *, window: int, hop: int) -> Windows:
    """Cut every trial into windows.

    Parameters
    ----------
    rows : for each trial the rows of its frames, in time order; a trial without any gives no window
    window : frames in a window
    hop : frames from one window's start to the next one's
    """
    index: list[npt.NDArray[np.int64]] = []
    mask: list[npt.NDArray[np.bool_]] = []
    for frames in rows:
        if not len(frames):
            continue
        for start in window_starts(len(frames), window=window, hop=hop):
            position = np.arange(start, start + window)
            index.append(frames[np.minimum(position, len(frames) - 1)])
            mask.append(position < len(frames))
    if not index:
        return Windows(np.zeros((0, window), dtype=np.int64), np.zeros((0, window), dtype=np.bool_))
    return Windows(np.stack(index), np.stack(mask))


def kept_frames(labels: npt.NDArray[np.float32], *, gaps: Literal["mask", "compact"]) -> npt.NDArray[np.bool_]:
    """Return which frames of a trial a model looks at, (t,).

    Parameters
    ----------
    labels : (t, k) of all targets, whichever of them the model predicts; NaN where one is not annotated
    gaps : ``"mask"`` keeps every frame, ``"compact"`` those on which at least one target is annotated
    """
    return np.asarray((gaps == "mask") | ~np.isnan(labels).all(axis=1))
