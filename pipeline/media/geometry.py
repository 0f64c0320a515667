"""How a stored picture is shown: turned or mirrored as its container orders, with pixels made square."""

import struct
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.media.opencv import opencv_on_one_thread

OBLONG = Fraction(8)
"""Width over height, or height over width, past which the shape of a pixel is taken for damage."""

SHEAR = 0.1
"""Cosine of the angle between the sides of a shown picture, past which a display matrix is taken for damage."""


@dataclass(frozen=True)
class Orientation:
    """What is done to a stored picture before it is shown, in this order.

    Parameters
    ----------
    transposed : rows become columns
    mirrored : left becomes right
    inverted : top becomes bottom
    """

    transposed: bool = False
    mirrored: bool = False
    inverted: bool = False

    @classmethod
    def of_matrix(cls, matrix: bytes | None) -> "Orientation":
        """Read a display matrix, nine 32-bit integers in rows (a, b, u), (c, d, v), (x, y, w).

        A stored point (p, q) is shown at (a p + c q + x, b p + d q + y): ISO/IEC 14496-12, 8.3.2. The eight turns and
        mirrorings by quarters are exact; any other angle is rounded to the nearest of them.

        Raises
        ------
        ValueError
            The matrix shears or squeezes the picture, which no camera orders.
        """
        if matrix is None:
            return cls()
        a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
        wide, tall = np.hypot(a, b), np.hypot(c, d)
        if not wide or not tall or not 1 / OBLONG <= wide / tall <= OBLONG or abs(a * c + b * d) > SHEAR * wide * tall:
            raise ValueError(f"its display matrix ({a} {b}; {c} {d}) is no turn and no mirroring")
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transposed=True, mirrored=c < 0, inverted=b < 0)
        return cls(mirrored=a < 0, inverted=d < 0)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn and mirror a (height, width, ...) picture."""
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        if self.mirrored:
            picture = picture[:, ::-1]
        if self.inverted:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)


def pixel_shape(ratio: Fraction | None) -> Fraction:
    """Return the width of a pixel over its height; one where the file does not say, or says nonsense.

    Raises
    ------
    ValueError
        No camera has pixels of that shape.
    """
    if not ratio or ratio < 0:
        return Fraction(1)
    if not 1 / OBLONG <= ratio <= OBLONG:
        raise ValueError(f"its pixels are {ratio.numerator}:{ratio.denominator} wide")
    return ratio


def square_size(width: int, height: int, shape: Fraction) -> tuple[int, int]:
    """Return width and height of a stored picture that is stretched until its pixels are square; nothing is shrunk.

    Parameters
    ----------
    width, height : as stored
    shape : width of a pixel over its height
    """
    return round(width * max(shape, Fraction(1))), round(height * max(1 / shape, Fraction(1)))


def square_pixels(picture: NDArray[np.uint8], shape: Fraction) -> NDArray[np.uint8]:
    """Stretch a stored (height, width, ...) picture to its `square_size`."""
    height, width = picture.shape[:2]
    size = square_size(width, height, shape)
    if size == (width, height):
        return picture
    with opencv_on_one_thread():
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR_EXACT), dtype=np.uint8)
