"""Finding faces and their keypoints with a YuNet network, which OpenCV runs from an ONNX file of one's own.

Wu et al., "YuNet: A Tiny Millisecond-level Face Detector" (2023); OpenCV's model zoo publishes its weights.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.media.detection import COLUMNS, largest_first
from pipeline.media.opencv import opencv_on_one_thread, silent
from pipeline.media.pictures import Picture

SEARCHED = 480
"""Pixels to which the shorter side of a larger picture is shrunk before the search."""


class YuNetDetector:
    """A YuNet network.

    Parameters
    ----------
    path : the ``.onnx`` file
    score : least score of a face, between 0 and 1
    smallest : side of the smallest face, as a share of the picture's shorter side

    Raises
    ------
    ValueError
        The file is no such network.
    """

    def __init__(self, path: Path, *, score: float, smallest: float) -> None:
        self._smallest = smallest
        try:
            with silent():
                self._network = cv2.FaceDetectorYN.create(str(path), "", (64, 64), score_threshold=score)
                self._network.detect(np.zeros((64, 64, 3), dtype=np.uint8))
        except cv2.error as error:
            raise ValueError(f"OpenCV cannot read it as a YuNet network: {error.err}") from error

    def detect(self, picture: Picture) -> NDArray[np.float64]:
        """Find the faces in a picture; see `pipeline.media.detection.FaceDetector`."""
        shorter = min(picture.frame.width, picture.frame.height, SEARCHED)
        small, factor = picture.shrunk(shorter)
        return self.search(small) * factor

    def search(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Find the faces in a picture.

        Parameters
        ----------
        picture : (height, width, 3) uint8 RGB

        Returns
        -------
        (n, 15) the faces, the largest first; the mouth is put between its corners, ears are NaN
        """
        height, width = picture.shape[:2]
        with opencv_on_one_thread():
            self._network.setInputSize((width, height))
            _, found = self._network.detect(np.ascontiguousarray(picture[..., ::-1]))
        rows = np.zeros((0, 15)) if found is None else np.asarray(found, dtype=np.float64)
        corner, extent, points = rows[:, 0:2], rows[:, 2:4], rows[:, 4:14].reshape(-1, 5, 2)
        faces = np.full((len(rows), COLUMNS), np.nan)
        faces[:, :2] = corner + extent / 2
        faces[:, 2] = extent.mean(axis=1)
        faces[:, 3:9] = points[:, :3].reshape(-1, 6)
        faces[:, 9:11] = points[:, 3:].mean(axis=1)
        return largest_first(faces[faces[:, 2] >= self._smallest * min(height, width)])
