"""Rendered faces for tests of everything that has to find them: pictures, and videos with sound."""

import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.encode import write_video
from pipeline.demo.face import Expression, Pen, draw
from pipeline.demo.looks import looks_of

Picture = NDArray[np.uint8]
Place = tuple[float, float, float]
"""Centre x, centre y and half the side of a face in pixels."""

WIDTH, HEIGHT = 160, 120
RATE = 25
HERE: Place = (80.0, 62.0, 40.0)
WALL = (150, 162, 176)


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
    turned: bool = False,
    sample_rate: int = 16000,
) -> Path:
    """Write an MP4 that shows faces at the places of each frame.

    `turned` stores the pictures lying on their side, with the container's order to turn them upright, as phones do.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [
        face_picture(*place(number), subject=subject, smile=smile(number), size=size) for number in range(frames)
    ]
    if turned:
        pictures = [np.rot90(picture) for picture in pictures]
    write_video(
        path,
        [np.ascontiguousarray(picture) for picture in pictures],
        ticks=np.arange(frames, dtype=np.int64),
        time_base=Fraction(1, rate),
        size=(pictures[0].shape[1], pictures[0].shape[0]),
        samples=tone(frames / rate, sample_rate),
        sample_rate=sample_rate,
    )
    if turned:
        _order_quarter_turn(path)
    return path


def _order_quarter_turn(path: Path) -> None:
    """Make the first track's display matrix a quarter turn clockwise."""
    data = bytearray(path.read_bytes())
    header = data.find(b"tkhd") + 4
    # Version 0 of the box: flags, two times, number and duration, then layer, group, volume, before the matrix.
    matrix = header + 4 + 20 + 8 + 8
    upright = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    assert data[header] == 0
    assert data[matrix : matrix + 36] == upright
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
