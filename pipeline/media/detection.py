"""What a face detector finds in one picture.

A face is a row of numbers in pixels of the picture as it is shown: centre x, centre y and side of a square around it,
and, from detectors that find them, x and y of six keypoints (`KEYPOINTS`).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.media.pictures import Picture

KEYPOINTS = ("right eye", "left eye", "nose tip", "mouth", "right ear", "left ear")
"""The person's own right and left; NaN where a detector does not find one of them."""

COLUMNS = 3 + 2 * len(KEYPOINTS)
"""Numbers per face, from detectors that find keypoints."""


class FaceDetector(Protocol):
    """Finds faces in one picture at a time, each time the same ones in the same picture."""

    def detect(self, picture: Picture) -> NDArray[np.float64]:
        """Return the faces, the largest first: (n, 3), or (n, `COLUMNS`) with keypoints."""
        ...


def largest_first(faces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Order faces by size, equal ones by place: (n, c) -> (n, c)."""
    ordered: NDArray[np.float64] = faces[np.lexsort((faces[:, 1], faces[:, 0], -faces[:, 2]))]
    return ordered
