"""Face crops as files: their size from the header alone, and their pixels."""

import struct
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

PNG = b"\x89PNG\r\n\x1a\n"
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
START_OF_SCAN, END_OF_IMAGE = 0xDA, b"\xff\xd9"

LARGEST_FILE = 16 * 2**20
"""Bytes of a crop."""

MOST_PIXELS = 4096 * 4096
"""A header may claim any size: past this one, no memory is given to it."""


def image_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) in pixels of a JPEG or PNG from its header, having seen that its end is there.

    Raises
    ------
    ValueError
        The bytes are neither, or break off: decoders fill the rest of such a picture with grey without a word.
    """
    if data.startswith(PNG):
        if len(data) < 24 or b"IEND" not in data[-32:]:
            raise ValueError(f"the PNG breaks off after {len(data)} bytes")
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    if not data.startswith(b"\xff\xd8"):
        raise ValueError(f"neither JPEG nor PNG ({len(data)} bytes)")
    return _jpeg_size(data)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    size: tuple[int, int] | None = None
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF or marker in WITHOUT_LENGTH:
            position += 1 if marker == 0xFF else 2
            continue
        if marker == START_OF_SCAN:
            # The thumbnail inside a header has an end mark of its own: only one behind the scan counts.
            if data.rfind(END_OF_IMAGE) < position:
                break
            if size is None:
                raise ValueError("the JPEG has no frame header")
            return size
        (length,) = struct.unpack(">H", data[position + 2 : position + 4])
        if marker in START_OF_FRAME and position + 9 <= len(data):
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            size = int(width), int(height)
        position += 2 + length
    raise ValueError(f"the JPEG breaks off after {len(data)} bytes")


def decode_sizes(data: bytes, sizes: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Decode a crop once and bring it to each of `sizes`, averaging over areas where it shrinks.

    Returns
    -------
    One (size, size, 3) uint8 RGB per size

    Raises
    ------
    ValueError
        The bytes are no whole picture, or one far larger than a face.
    """
    width, height = image_size(data)
    if width * height > MOST_PIXELS:
        raise ValueError(f"the header claims {width} x {height} pixels, far more than a face has")
    pixels = np.frombuffer(data, dtype=np.uint8)
    image = cv2.imdecode(pixels, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ValueError(f"the picture cannot be decoded ({len(data)} bytes)")
    fitted = [
        image if image.shape[:2] == (size, size) else cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        for size in sizes
    ]
    return [np.asarray(cv2.cvtColor(one, cv2.COLOR_BGR2RGB), dtype=np.uint8) for one in fitted]
