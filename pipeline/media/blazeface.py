"""Finding faces and their keypoints with BlazeFace, a small single-shot detector.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019). The network is a TFLite
file that OpenCV runs. Its output is one row per anchor: a score, and the box and keypoints relative to the anchor in
pixels of the network's square input. Boxes that overlap are averaged by their scores instead of being dropped (the
paper's blending), which makes faces steadier from frame to frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.media.detection import COLUMNS, KEYPOINTS, largest_first
from pipeline.media.opencv import opencv_on_one_thread, silent
from pipeline.media.pictures import Picture

Array = NDArray[np.float64]

SAME_FACE = 0.3
"""Overlap (intersection over union) from which two boxes show one face."""

SQUARE = 1.15
"""Longer side over shorter side, up to which a picture is searched as a whole only."""


@dataclass(frozen=True)
class Layout:
    """Where a network of the family places its anchors.

    Parameters
    ----------
    size : side of the square input, pixels
    grids : (cells per side, anchors per cell) of each output map
    """

    size: int
    grids: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """Number of anchors."""
        return sum(cells * cells * per_cell for cells, per_cell in self.grids)

    def anchors(self) -> Array:
        """Return the centres of all anchors as shares of the input, (n, 2) x and y."""
        return np.concatenate([_centres(cells, per_cell) for cells, per_cell in self.grids])


LAYOUTS = (Layout(128, ((16, 2), (8, 6))), Layout(192, ((48, 1),)), Layout(256, ((16, 2), (8, 6))))
"""Short range (faces up to about two metres from a camera), full range (up to about five), and the back camera's."""


class BlazeFaceDetector:
    """A network of the BlazeFace family.

    Parameters
    ----------
    path : the ``.tflite`` file
    score : least score of a face, between 0 and 1
    smallest : side of the smallest face, as a share of the picture's shorter side

    Raises
    ------
    ValueError
        The file is no such network.
    """

    def __init__(self, path: Path, *, score: float, smallest: float) -> None:
        self._score, self._smallest = score, smallest
        try:
            with silent():
                self._network = cv2.dnn.readNetFromTFLite(str(path))
            self._layout = self._find_layout()
        except cv2.error as error:
            raise ValueError(f"OpenCV cannot read it as a TFLite network: {error.err}") from error
        self._anchors = self._layout.anchors()

    def detect(self, picture: Picture) -> Array:
        """Find the faces in a picture; see `pipeline.media.detection.FaceDetector`."""
        small, factor = picture.shrunk(self._layout.size)
        return self.search(small) * factor

    def search(self, picture: NDArray[np.uint8]) -> Array:
        """Find the faces in a picture.

        An oblong picture in which none is found as a whole is searched again in overlapping squares, in which faces
        are larger. A shorter side of more pixels than the network's input has gains nothing.

        Parameters
        ----------
        picture : (height, width, 3) uint8 RGB

        Returns
        -------
        (n, 15) the faces, the largest first
        """
        height, width = picture.shape[:2]
        with opencv_on_one_thread():
            found = self._search(picture)
            if not len(found) and max(height, width) > SQUARE * min(height, width):
                parts = [self._search(picture[y : y + side, x : x + side], y, x) for y, x, side in _squares(picture)]
                found = np.concatenate(parts)
        faces = _blend(found)
        return largest_first(faces[faces[:, 2] >= self._smallest * min(height, width)])

    def _search(self, picture: NDArray[np.uint8], top: int = 0, left: int = 0) -> Array:
        """Return every anchor with a face: (n, 17) score, centre x and y, width, height, keypoints."""
        height, width = picture.shape[:2]
        scores, regression = self._forward(_letterbox(picture, self._layout.size))
        chosen = np.flatnonzero(scores >= self._score)
        points = regression[chosen].reshape(-1, 2 + len(KEYPOINTS), 2) / self._layout.size
        points[:, 0] += self._anchors[chosen]
        points[:, 2:] += self._anchors[chosen, None]
        side = max(height, width)
        points *= side
        shift = np.array([left - (side - width) / 2, top - (side - height) / 2])
        points[:, 0] += shift
        points[:, 2:] += shift
        return np.concatenate([scores[chosen, None], points.reshape(len(chosen), 16)], axis=1)

    def _forward(self, picture: NDArray[np.uint8]) -> tuple[Array, Array]:
        """Return each anchor's score (n,) and its regression (n, 16)."""
        self._network.setInput((picture.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None])
        outputs = self._network.forward(self._network.getUnconnectedOutLayersNames())
        by_width = {output.size // self._layout.count: output for output in outputs}
        logits = by_width[1].reshape(-1).astype(np.float64)
        return 1 / (1 + np.exp(-logits.clip(-80, 80))), by_width[16].reshape(-1, 16).astype(np.float64)

    def _find_layout(self) -> Layout:
        """Return the layout whose input the network accepts and whose anchors it has."""
        for layout in LAYOUTS:
            self._network.setInput(np.zeros((1, 3, layout.size, layout.size), dtype=np.float32))
            try:
                with silent():
                    outputs = self._network.forward(self._network.getUnconnectedOutLayersNames())
            except cv2.error:
                continue
            if sorted(output.size for output in outputs) == [layout.count, 16 * layout.count]:
                return layout
        raise ValueError("its input and its anchors are of no network of the BlazeFace family")


def _centres(cells: int, per_cell: int) -> Array:
    places = (np.arange(cells) + 0.5) / cells
    grid = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    return np.repeat(grid, per_cell, axis=0)


def _letterbox(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Shrink a picture until it fits a square of `size`, in the middle of black: (size, size, 3)."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    shrunk = cv2.resize(picture, fitted, interpolation=cv2.INTER_AREA)
    square = np.zeros((size, size, 3), dtype=np.uint8)
    left, top = (size - fitted[0]) // 2, (size - fitted[1]) // 2
    square[top : top + fitted[1], left : left + fitted[0]] = shrunk
    return square


def _squares(picture: NDArray[np.uint8]) -> Iterator[tuple[int, int, int]]:
    """Yield top, left and side of squares that cover an oblong picture, each overlapping the next by half or more."""
    height, width = picture.shape[:2]
    side, longer = min(height, width), max(height, width)
    count = 1 + -(-2 * (longer - side) // side)
    for place in np.linspace(0, longer - side, count).round().astype(int).tolist():
        yield (0, place, side) if width >= height else (place, 0, side)


def _blend(found: Array) -> Array:
    """Average the boxes that show one face, by their scores: (n, 17) -> (m, 15)."""
    faces = []
    rest = found[np.argsort(-found[:, 0], kind="stable")]
    while len(rest):
        same = _overlap(rest[0], rest) >= SAME_FACE
        same[0] = True
        mean = np.average(rest[same, 1:], axis=0, weights=rest[same, 0])
        faces.append([mean[0], mean[1], (mean[2] + mean[3]) / 2, *mean[4:]])
        rest = rest[~same]
    return np.array(faces, dtype=np.float64).reshape(-1, COLUMNS)


def _overlap(one: Array, boxes: Array) -> Array:
    """Intersection over union of a box with each of (n, 17)."""
    low = np.maximum(one[1:3] - one[3:5] / 2, boxes[:, 1:3] - boxes[:, 3:5] / 2)
    high = np.minimum(one[1:3] + one[3:5] / 2, boxes[:, 1:3] + boxes[:, 3:5] / 2)
    common = np.clip(high - low, 0, None).prod(axis=1)
    shares: Array = common / (one[3:5].prod() + boxes[:, 3:5].prod(axis=1) - common)
    return shares
