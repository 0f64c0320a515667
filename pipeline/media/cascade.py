"""Finding upright frontal faces in one picture with OpenCV's cascades, which come with the library."""

from pathlib import Path

import cv2
import cv2.data
import numpy as np
from numpy.typing import NDArray

from pipeline.media.detection import largest_first
from pipeline.media.opencv import opencv_on_one_thread
from pipeline.media.pictures import Picture

SEARCHED = 480
"""Pixels to which the shorter side of a larger picture is shrunk before the search: faces that fill a useful part of
the picture are found just as well, in a fifth of the time that full high definition takes."""

SCALE_STEP = 1.1
"""Ratio between two face sizes that are looked for."""


class CascadeDetector:
    """A cascade of Haar features (Viola and Jones, 2001); it gives squares without keypoints.

    Parameters
    ----------
    cascade : name of the cascade, such as ``frontalface_alt2``
    smallest : side of the smallest face, as a share of the picture's shorter side
    neighbours : how many overlapping hits make a face; more find fewer faces and fewer false ones

    Raises
    ------
    ValueError
        OpenCV has no cascade of that name.
    """

    def __init__(self, *, cascade: str, smallest: float, neighbours: int) -> None:
        path = Path(cv2.data.haarcascades) / f"haarcascade_{cascade}.xml"
        if not path.is_file():
            raise ValueError(f"OpenCV {cv2.__version__} has no cascade {cascade!r} ({path.name})")
        self._cascade = cv2.CascadeClassifier(str(path))
        self._smallest = smallest
        self._neighbours = neighbours

    def detect(self, picture: Picture) -> NDArray[np.float64]:
        """Find the faces in a picture; see `pipeline.media.detection.FaceDetector`."""
        return self.search(picture.grey())

    def search(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Find the faces in a grey picture.

        Parameters
        ----------
        picture : (height, width) uint8

        Returns
        -------
        (n, 3) centre x, centre y and side of each face in pixels, the largest first
        """
        height, width = picture.shape
        factor = min(1.0, SEARCHED / min(height, width))
        if factor < 1:
            size = (round(width * factor), round(height * factor))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        side = max(1, round(self._smallest * min(picture.shape)))
        with opencv_on_one_thread():
            found = self._cascade.detectMultiScale(
                picture, scaleFactor=SCALE_STEP, minNeighbors=self._neighbours, minSize=(side, side)
            )
        boxes = np.asarray(found, dtype=np.float64).reshape(-1, 4)
        x, y, wide, tall = boxes.T
        faces = np.stack([x + wide / 2, y + tall / 2, (wide + tall) / 2], axis=1) / factor
        return largest_first(faces)
