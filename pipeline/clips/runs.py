"""Runs of frames that a mask marks."""

import numpy as np
from numpy.typing import NDArray


def runs(marks: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first frame of each run of true values in (t,), and the frame behind its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    return [(int(first), int(behind)) for first, behind in edges.reshape(-1, 2)]
