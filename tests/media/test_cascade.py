import cv2
import numpy as np
import pytest

from pipeline.media.cascade import CascadeDetector
from pipeline.media.opencv import opencv_on_one_thread
from tests.face_factory import HERE, Place, face_picture


def detector(**changes: object) -> CascadeDetector:
    return CascadeDetector(**{"cascade": "frontalface_alt2", "smallest": 0.15, "neighbours": 4, **changes})  # type: ignore[arg-type]


def grey(*faces: Place, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    return np.asarray(cv2.cvtColor(face_picture(*faces, size=size), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


@pytest.mark.parametrize("cascade", ["frontalface_default", "frontalface_alt", "frontalface_alt2"])
def test_finds_the_drawn_face_where_it_is(cascade: str) -> None:
    found = detector(cascade=cascade).search(grey(HERE))
    assert found.shape == (1, 3)
    x, y, side = found[0]
    assert abs(x - HERE[0]) < 4
    assert abs(y - HERE[1]) < 6
    assert 0.8 * 2 * HERE[2] < side < 1.1 * 2 * HERE[2]


def test_no_face_gives_no_rows() -> None:
    assert detector().search(grey()).shape == (0, 3)


def test_the_largest_face_comes_first() -> None:
    small, large = (50.0, 100.0, 30.0), (200.0, 90.0, 60.0)
    found = detector().search(grey(small, large, size=(300, 180)))
    assert len(found) == 2
    assert found[0, 2] > found[1, 2]
    assert abs(found[0, 0] - large[0]) < 5
    assert abs(found[1, 0] - small[0]) < 5


def test_places_are_in_pixels_of_a_large_picture_although_it_is_searched_small() -> None:
    large = (700.0, 500.0, 260.0)
    found = detector().search(grey(large, size=(1280, 960)))
    assert len(found) == 1
    assert np.abs(found[0] - (700, 500, 500)).max() < 40


def test_smallest_is_a_share_of_the_shorter_side() -> None:
    picture = grey(HERE)
    assert len(detector(smallest=0.5).search(picture)) == 1
    assert len(detector(smallest=0.9).search(picture)) == 0


def test_threads_are_put_back_and_do_not_matter() -> None:
    picture = grey(HERE, size=(640, 480))
    before = cv2.getNumThreads()
    try:
        found = []
        for threads in (1, 3):
            cv2.setNumThreads(threads)
            found.append(detector().search(picture))
            assert cv2.getNumThreads() == threads
        assert np.array_equal(found[0], found[1])
        cv2.setNumThreads(2)
        with pytest.raises(ZeroDivisionError), opencv_on_one_thread():
            raise ZeroDivisionError
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_an_unknown_cascade_is_named() -> None:
    with pytest.raises(ValueError, match="'frontalface_alt9'"):
        detector(cascade="frontalface_alt9")
