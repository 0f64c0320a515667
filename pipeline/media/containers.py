"""Whether a media file is whole, by what its own structure says: how long its parts are, and their checksums.

FFmpeg reads as much as there is of a file, and looks for the next part that it knows where one is damaged, both without
an error. The sizes that containers hold tell both.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.media.matroska import EBML, check_matroska
from pipeline.media.sample_tables import LARGEST, check_tables
from pipeline.runtime.errors import Problem

REFETCH = "get the file again: this copy is not whole"

OPEN_ENDED = frozenset({0, 0xFFFFFFFF})
"""Sizes in a RIFF file of something that was written without knowing where it would end."""

FORMS = frozenset({b"AVI ", b"WAVE"})

PADDING = 16
"""Bytes by which a RIFF file may be shorter than it says: programs count its header and its padding in several ways."""

BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"mfra", b"sidx", b"uuid", b"meta"})
"""Parts on the top level of an MP4 or MOV."""

MAGIC = 12

FORMAT = struct.Struct("<HHIIHH")
"""Kind, channels, rate, bytes per second, bytes per block and bits of a WAV's samples."""

UNCOMPRESSED = frozenset({1, 3, 0xFFFE})
"""Whole numbers, floating point, and either of them with a layout of channels."""


def check_container(path: Path) -> list[Problem]:
    """Return what is wrong with the structure of a Matroska, WebM, MP4, MOV, AVI or WAV; nothing for other files.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(MAGIC)
        file.seek(0)
        if magic.startswith(EBML):
            found = check_matroska(file, size)
        elif magic[4:8] in BOXES:
            found = _check_boxes(file, size)
        elif magic[:4] in {b"RIFF", b"RF64"}:
            found = _check_riff(file, size)
        else:
            found = iter(())
        return [Problem(message, file=str(path), remedy=REFETCH) for message in found]


def breaks_off(part: str, missing: int) -> str:
    """Say that a part of a file reaches past the file's end."""
    return f"the file breaks off: {missing} bytes of its part {part!r} are missing"


def _check_boxes(file: BinaryIO, size: int) -> Iterator[str]:
    """Follow the parts on the top level of an MP4; ISO/IEC 14496-12, 4.2."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        length, kind, long = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        if kind not in BOXES:
            # Some cameras append data of their own.
            return
        length = long if length == 1 else length or size - position
        if position + length > size:
            yield breaks_off(kind.decode("ascii"), position + length - size)
        if length < 8:
            yield f"its part {kind.decode('ascii')!r} at byte {position} is damaged: it claims {length} bytes"
            return
        if kind == b"moov" and length <= LARGEST:
            file.seek(position + 8)
            yield from check_tables(file.read(length - 8), size)
        position += length


def _check_riff(file: BinaryIO, size: int) -> Iterator[str]:
    """Follow the segments of an AVI or WAV, and the chunks on the top level of each."""
    position = 0
    while position + MAGIC <= size:
        file.seek(position)
        tag, length, form = struct.unpack("<4sI4s", file.read(MAGIC))
        if not position and form not in FORMS:
            yield f"its header is damaged: {form.decode('ascii', 'replace')!r} is neither an AVI nor a WAV"
        if tag not in {b"RIFF", b"RF64"} or tag == b"RF64" or length in OPEN_ENDED:
            return
        end = position + 8 + length
        if end > size + PADDING:
            yield breaks_off(f"RIFF {form.decode('ascii', 'replace')}", end - size)
            return
        yield from _check_chunks(file, position + MAGIC, min(end, size))
        position = end + length % 2


def _check_chunks(file: BinaryIO, position: int, end: int) -> Iterator[str]:
    while position + 8 <= end:
        file.seek(position)
        tag, length = struct.unpack("<4sI", file.read(8))
        if length == 0xFFFFFFFF:
            return
        if position + 8 + length > end + PADDING:
            yield f"its part {tag.decode('ascii', 'replace')!r} at byte {position} is damaged: it claims {length} bytes"
            return
        if tag == b"fmt " and length >= FORMAT.size:
            yield from _check_format(*FORMAT.unpack(file.read(FORMAT.size)))
        position += 8 + length + length % 2


def _check_format(kind: int, channels: int, rate: int, per_second: int, per_sample: int, bits: int) -> Iterator[str]:
    """Compare what a WAV says about samples that are not compressed; a rate of zero bytes is one that was left out."""
    if kind not in UNCOMPRESSED:
        return
    if per_sample != channels * -(-bits // 8) or per_second not in {0, rate * per_sample}:
        yield (
            f"its header is damaged: {channels} channels of {bits} bits at {rate} Hz in blocks of {per_sample} bytes, "
            f"{per_second} a second"
        )
