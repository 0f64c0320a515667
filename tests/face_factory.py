"""Rendered faces for tests of everything that has to find them: pictures, and videos with sound."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.encode import write_video
from pipeline.demo.face import Expression, Pen, draw
from pipeline.demo.looks import looks_of
from tests import media_factory
from tests.media_factory import Order

Picture = NDArray[np.uint8]
Place = tuple[float, float, float]
"""Centre x, centre y and half the side of a face in pixels."""

WIDTH, HEIGHT = 160, 120
RATE = 25
HERE: Place = (80.0, 62.0, 40.0)
WALL = (150, 162, 176)

ORDERS: dict[Order, Callable[[Picture], Picture]] = {
    (1, 0, 0, 1): lambda shown: shown,
    (-1, 0, 0, 1): lambda shown: shown[:, ::-1],
    (1, 0, 0, -1): lambda shown: shown[::-1],
    (-1, 0, 0, -1): lambda shown: shown[::-1, ::-1],
    (0, 1, 1, 0): lambda shown: shown.swapaxes(0, 1),
    (0, 1, -1, 0): lambda shown: shown[:, ::-1].swapaxes(0, 1),
    (0, -1, 1, 0): lambda shown: shown[::-1].swapaxes(0, 1),
    (0, -1, -1, 0): lambda shown: shown[::-1, ::-1].swapaxes(0, 1),
}
"""How a picture is stored that is shown upright after each of the turns and mirrorings that a container can order."""


def face_picture(
    *faces: Place, subject: str = "carl", smile: float = 0.0, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> Picture:
    """Draw faces before a plain wall; (height, width, 3) RGB."""
    width, height = size
    large = np.full((2 * height, 2 * width, 3), WALL, dtype=np.uint8)
    for x, y, half in faces:
        pen = Pen(large, 2 * np.array([[half, 0.0, x], [0.0, half, y]]))
        draw(pen, looks_of(0, subject), Expression(smile=smile, alert=0.2))
    return np.asarray(cv2.resize(large, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def tone(seconds: float, rate: int, hertz: float = 220.0) -> NDArray[np.int16]:
    """Return a tone, (n,) int16."""
    time = np.arange(round(seconds * rate)) / rate
    return np.round(8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def write_face_video(
    path: Path,
    *,
    frames: int = 30,
    rate: int = RATE,
    place: Callable[[int], Iterable[Place]] = lambda frame: [HERE],
    subject: str = "carl",
    smile: Callable[[int], float] = lambda frame: 0.0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    order: Order = (1, 0, 0, 1),
    aspect: Fraction = Fraction(1),
    sample_rate: int = 16000,
) -> Path:
    """Write an MP4 that shows faces at the places of each frame.

    The pictures are stored so that they are shown upright and in proportion after the turn or mirroring of `order`
    (as phones do) and with pixels `aspect` times as wide as high (as many camcorders do).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [
        face_picture(*place(number), subject=subject, smile=smile(number), size=size) for number in range(frames)
    ]
    pictures = [_squeezed(ORDERS[order](picture), aspect) if order in ORDERS else picture for picture in pictures]
    if aspect != 1:
        media_factory.write_video(path, pictures=pictures, rate=rate, aspect=aspect)
    else:
        _write(path, pictures, rate, sample_rate)
    if order != (1, 0, 0, 1):
        media_factory.order_display(path, order)
    return path


def _write(path: Path, pictures: list[Picture], rate: int, sample_rate: int) -> None:
    frames = len(pictures)
    write_video(
        path,
        pictures,
        ticks=np.arange(frames, dtype=np.int64),
        time_base=Fraction(1, rate),
        size=(pictures[0].shape[1], pictures[0].shape[0]),
        samples=tone(frames / rate, sample_rate),
        sample_rate=sample_rate,
    )


def _squeezed(picture: Picture, aspect: Fraction) -> Picture:
    """Shrink a picture to even sides, so that pixels of that shape show it as it was."""
    height, width = picture.shape[:2]
    size = (2 * round(width / max(aspect, 1) / 2), 2 * round(height * min(aspect, 1) / 2))
    if size == (width, height):
        return np.ascontiguousarray(picture)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
