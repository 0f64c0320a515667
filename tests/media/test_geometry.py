import struct
from fractions import Fraction

import cv2
import numpy as np
import pytest

from pipeline.media.geometry import Orientation, pixel_shape, square_pixels

ONE = 65536
PICTURE = np.arange(6, dtype=np.uint8).reshape(2, 3)
SHOWN = {
    (ONE, 0, 0, ONE): PICTURE,
    (-ONE, 0, 0, ONE): PICTURE[:, ::-1],
    (ONE, 0, 0, -ONE): PICTURE[::-1],
    (-ONE, 0, 0, -ONE): PICTURE[::-1, ::-1],
    (0, ONE, ONE, 0): PICTURE.T,
    (0, ONE, -ONE, 0): PICTURE.T[:, ::-1],
    (0, -ONE, ONE, 0): PICTURE.T[::-1],
    (0, -ONE, -ONE, 0): PICTURE.T[::-1, ::-1],
}


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize("corners", SHOWN)
def test_each_turn_and_mirroring(corners: tuple[int, int, int, int]) -> None:
    shown = Orientation.of_matrix(matrix(*corners)).apply(PICTURE)
    np.testing.assert_array_equal(shown, SHOWN[corners])
    assert shown.flags.c_contiguous


@pytest.mark.parametrize("corners", SHOWN)
def test_a_point_is_shown_where_the_standard_says(corners: tuple[int, int, int, int]) -> None:
    a, b, c, d = (value // ONE for value in corners)
    shown = Orientation.of_matrix(matrix(*corners)).apply(PICTURE)
    places = {(a * p + c * q, b * p + d * q): PICTURE[q, p] for p in range(3) for q in range(2)}
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    for (x, y), value in places.items():
        assert shown[y - top, x - left] == value


def test_without_a_matrix_nothing_is_turned() -> None:
    assert Orientation.of_matrix(None).apply(PICTURE) is not None
    np.testing.assert_array_equal(Orientation.of_matrix(None).apply(PICTURE), PICTURE)


def test_other_angles_go_to_the_nearest_quarter() -> None:
    for degrees, quarters in ((8, 0), (80, 1), (-100, 3), (170, 2)):
        angle = np.radians(degrees)
        c, s = (round(ONE * value) for value in (np.cos(angle), np.sin(angle)))
        shown = Orientation.of_matrix(matrix(c, -s, s, c)).apply(PICTURE)
        np.testing.assert_array_equal(shown, np.rot90(PICTURE, quarters))


@pytest.mark.parametrize("corners", [(0, 0, 0, ONE), (ONE, 1 << 30, 0, ONE), (ONE, 0, 0, 1 << 30), (0, 0, 0, 0)])
def test_a_matrix_that_no_camera_writes(corners: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="no turn and no mirroring"):
        Orientation.of_matrix(matrix(*corners))


def test_pixels_are_made_square_and_nothing_is_lost() -> None:
    picture = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 9), dtype=np.uint8), (72, 48))
    wide, tall = (square_pixels(np.asarray(picture, np.uint8), Fraction(shape)) for shape in ("4/3", "3/4"))
    assert (wide.shape, tall.shape) == ((48, 96), (64, 72))
    back = cv2.resize(wide, (72, 48), interpolation=cv2.INTER_LINEAR)
    assert np.abs(back.astype(int) - picture).mean() < 2
    assert square_pixels(PICTURE, Fraction(1)) is PICTURE
    assert square_pixels(np.zeros((4, 4, 3), np.uint8), Fraction(3, 2)).shape == (4, 6, 3)


def test_what_a_file_says_of_its_pixels() -> None:
    assert pixel_shape(Fraction(16, 11)) == Fraction(16, 11)
    assert pixel_shape(None) == pixel_shape(Fraction(0)) == pixel_shape(Fraction(-1)) == 1
    with pytest.raises(ValueError, match="9:1"):
        pixel_shape(Fraction(9))
