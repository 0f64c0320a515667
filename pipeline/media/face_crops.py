"""Cutting a face out of a picture: upright, with a fixed geometry, where keypoints are known, else as a square.

The geometry is that of the crops which face recognition is trained on and Aff-Wild2 distributes (112 x 112, aligned by
a similarity of eyes, nose and mouth): the template of ArcFace (Deng et al., 2019), whose units are those 112 pixels.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.media.detection import COLUMNS, KEYPOINTS
from pipeline.media.opencv import opencv_on_one_thread

Array = NDArray[np.float64]

TEMPLATE_SIZE = 112
TEMPLATE = {
    "right eye": (38.29, 51.60),
    "left eye": (73.53, 51.60),
    "nose tip": (56.03, 71.74),
    "mouth": (56.14, 92.28),
}
"""Where these keypoints come to lie in a crop of 112 pixels; the mouth is the middle between its corners."""

_USED = [KEYPOINTS.index(name) for name in TEMPLATE]
_TARGET = np.array([complex(*place) for place in TEMPLATE.values()])


def crop_face(picture: NDArray[np.uint8], face: Array, *, margin: float, size: int) -> NDArray[np.uint8]:
    """Cut a face out of a picture: aligned by its keypoints, or as a square where it has none.

    Parameters
    ----------
    picture : (height, width, 3) uint8
    face : (3,) or (15,), a row of `pipeline.media.detection`
    margin : of a square, see `crop_square`; an aligned crop has the template's
    size : width and height of the crop, pixels

    Returns
    -------
    (size, size, 3) uint8
    """
    if len(face) == COLUMNS:
        return crop_aligned(picture, face, size=size)
    return crop_square(picture, face, margin=margin, size=size)


def crop_aligned(picture: NDArray[np.uint8], face: Array, *, size: int) -> NDArray[np.uint8]:
    """Turn, scale and shift a picture so that eyes, nose and mouth lie as in `TEMPLATE`, in the least squares.

    Parameters
    ----------
    picture : (height, width, 3) uint8; what lies outside of it repeats its border
    face : (15,)
    size : width and height of the crop, pixels
    """
    points = np.asarray(face[3:], dtype=np.float64).reshape(-1, 2)[_USED]
    turn, shift = similarity(points[:, 0] + 1j * points[:, 1])
    # A pixel's centre is at a half: the template counts in edges, warpAffine in centres.
    factor = max(1, int(np.ceil(TEMPLATE_SIZE / abs(turn) / size)))
    scale = size * factor / TEMPLATE_SIZE
    turn, shift = turn * scale, shift * scale + (turn * scale - 1) * (0.5 + 0.5j)
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    large = (size * factor, size * factor)
    with opencv_on_one_thread():
        turned = cv2.warpAffine(picture, matrix, large, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(turned, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def similarity(points: NDArray[np.complex128]) -> tuple[complex, complex]:
    """Return a and b of the turn, scale and shift a z + b that bring keypoints closest to the template.

    Parameters
    ----------
    points : (4,) x + iy of right eye, left eye, nose tip and mouth, pixels
    """
    centre, target = points.mean(), _TARGET.mean()
    spread = float(np.sum(np.abs(points - centre) ** 2))
    turn = complex(np.sum((points - centre).conj() * (_TARGET - target)) / max(spread, 1e-12))
    return turn, complex(target - turn * centre)


def crop_square(picture: NDArray[np.uint8], box: Array, *, margin: float, size: int) -> NDArray[np.uint8]:
    """Cut a face out of a picture and average it down to (size, size, 3).

    Parameters
    ----------
    picture : (height, width, 3) uint8
    box : centre x, centre y and side of the face, pixels; what lies outside of the picture repeats its border
    margin : width to add on each side, as a share of the face's
    """
    height, width = picture.shape[:2]
    side = max(1, round(float(box[2]) * (1 + 2 * margin)))
    left, top = (round(float(centre) - side / 2) for centre in box[:2])
    # Repeating the border of the part inside is the same as cutting out of an endless picture, without making one.
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    square = np.ascontiguousarray(picture[rows[:, None], columns[None]])
    with opencv_on_one_thread():
        return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)
