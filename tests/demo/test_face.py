import numpy as np
import numpy.typing as npt
import pytest

from pipeline.demo.face import Expression, Pen, draw
from pipeline.demo.looks import Looks, looks_of

SIZE = 112
LOOKS = looks_of(7, "video7")


def face(looks: Looks = LOOKS, **state: float) -> npt.NDArray[np.uint8]:
    canvas = np.full((SIZE, SIZE, 3), 128, np.uint8)
    half = SIZE / 2
    draw(
        Pen(canvas, np.array([[half, 0, half], [0, half, half]])),
        looks,
        Expression(**{"smile": 0, "alert": 0, **state}),
    )
    return canvas


def changed(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(one.astype(int) - other).max(axis=2) > 30)


def test_valence_moves_mouth_and_brows() -> None:
    rows = changed(face(smile=-1), face(smile=1)).mean(axis=1)
    assert rows[72:96].mean() > 0.1
    assert rows[22:38].mean() > 0.03


def test_arousal_opens_the_eyes_and_lifts_the_brows() -> None:
    rows = changed(face(alert=-1), face(alert=1)).mean(axis=1)
    assert rows[22:54].mean() > 0.08


def test_a_wide_open_mouth_is_dark_inside() -> None:
    centre = np.s_[84:92, 50:62]
    assert face(mouth=1.0)[centre].mean() < face(mouth=0.0)[centre].mean()


@pytest.mark.parametrize("hiding", [{"book": 1.0}, {"away": 1.0}])
@pytest.mark.parametrize("looks", [looks_of(7, f"video{number}") for number in range(6)])
def test_a_hidden_face_tells_nothing(hiding: dict[str, float], looks: Looks) -> None:
    one = face(looks, smile=-1.8, alert=0.4, mouth=1.0, **hiding)
    other = face(looks, smile=1.8, alert=0.4, mouth=0.0, **hiding)
    assert not changed(one, other).any()


def test_drawing_is_the_same_every_time() -> None:
    assert np.array_equal(face(smile=0.3, alert=-0.2, mouth=0.4), face(smile=0.3, alert=-0.2, mouth=0.4))


def test_subjects_differ_and_keep_their_looks() -> None:
    assert looks_of(7, "a") == looks_of(7, "a")
    assert len({looks_of(7, f"subject{number}") for number in range(10)}) == 10
