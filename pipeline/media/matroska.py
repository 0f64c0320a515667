"""The structure of a Matroska or WebM file: parts that must lie within each other, and their checksums.

EBML is RFC 8794, Matroska RFC 9559. An element is an id, a size and that many bytes; a size may be unknown where a
file was written live.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

EBML = b"\x1a\x45\xdf\xa3"

HEADER, SEGMENT, CLUSTER, TRACKS, TRACK, NUMBER = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0xD7
VOID, CHECKSUM, BLOCK, SIMPLE_BLOCK, GROUP = 0xEC, 0xBF, 0xA1, 0xA3, 0xA0

IN_SEGMENT = {
    0x114D9B74: "SeekHead",
    0x1549A966: "Info",
    TRACKS: "Tracks",
    CLUSTER: "Cluster",
    0x1C53BB6B: "Cues",
    0x1941A469: "Attachments",
    0x1043A770: "Chapters",
    0x1254C367: "Tags",
    VOID: "Void",
    CHECKSUM: "CRC-32",
}
IN_CLUSTER = {
    0xE7: "Timestamp",
    0x5854: "SilentTracks",
    0xA7: "Position",
    0xAB: "PrevSize",
    SIMPLE_BLOCK: "SimpleBlock",
    GROUP: "BlockGroup",
    0xAF: "EncryptedBlock",
    VOID: "Void",
    CHECKSUM: "CRC-32",
}

LARGEST_READ = 1 << 28
"""Bytes; a larger element is no Cluster or header that a program writes, and its checksum is not computed."""


@dataclass(frozen=True)
class Element:
    """One element: where it starts, where its content starts, where it ends; `end` is None where that is unknown."""

    id: int
    start: int
    content: int
    end: int | None


def check_matroska(file: BinaryIO, size: int) -> Iterator[str]:
    """Yield what is wrong, in words.

    Parameters
    ----------
    file : the file, at its beginning
    size : its length in bytes
    """
    position = 0
    while position < size:
        element = _element(file, position, size)
        if element is None or element.id not in {HEADER, SEGMENT, VOID}:
            if not position:
                yield "its header is damaged"
            # What follows a whole segment is not ours to judge.
            return
        if element.end is not None and element.end > size:
            yield f"the file breaks off: {element.end - size} bytes of its part 'Segment' are missing"
        if element.id == SEGMENT:
            yield from _check_segment(file, element.content, min(element.end or size, size))
        position = element.end or size


def _check_segment(file: BinaryIO, position: int, end: int) -> Iterator[str]:
    tracks: set[int] = set()
    live = False
    while position < end:
        element = _element(file, position, end)
        known = IN_CLUSTER if live and element is not None and element.id in IN_CLUSTER else IN_SEGMENT
        if element is None or element.id not in known:
            yield f"it is damaged at byte {position}, where none of its parts begins"
            return
        if element.end is None:
            # A cluster of unknown size: its children follow, up to the next element of the segment.
            if element.id != CLUSTER:
                yield f"its part {known[element.id]!r} at byte {position} is damaged: it has no size"
                return
            live, position = True, element.content
            continue
        if element.end > end:
            yield f"the file breaks off: {element.end - end} bytes of its part {known[element.id]!r} are missing"
            return
        if not _sound(file, element):
            yield f"its part {known[element.id]!r} at byte {position} is damaged: its checksum is another"
        elif element.id == TRACKS:
            tracks = set(_track_numbers(file, element))
        elif element.id == CLUSTER:
            live = False
            yield from _check_cluster(file, element.content, element.end, tracks)
        position = element.end


def _check_cluster(file: BinaryIO, position: int, end: int, tracks: set[int]) -> Iterator[str]:
    while position < end:
        element = _element(file, position, end)
        if element is None or element.id not in IN_CLUSTER or element.end is None or element.end > end:
            yield f"it is damaged at byte {position}, where no block of a cluster begins"
            return
        blocks = [element] if element.id == SIMPLE_BLOCK else []
        if element.id == GROUP:
            blocks = [child for child in _children(file, element) if child.id == BLOCK]
        for block in blocks:
            number = _number(file, block.content, keep_marker=False)
            if tracks and (number is None or number[0] not in tracks):
                yield f"its block at byte {block.start} is damaged: it belongs to no track"
        position = element.end


def _track_numbers(file: BinaryIO, tracks: Element) -> Iterator[int]:
    for track in _children(file, tracks):
        if track.id == TRACK:
            for child in _children(file, track):
                if child.id == NUMBER and child.end is not None:
                    file.seek(child.content)
                    yield int.from_bytes(file.read(child.end - child.content), "big")


def _children(file: BinaryIO, parent: Element) -> Iterator[Element]:
    position = parent.content
    while parent.end is not None and position < parent.end:
        child = _element(file, position, parent.end)
        if child is None or child.end is None or child.end > parent.end:
            return
        yield child
        position = child.end


def _sound(file: BinaryIO, element: Element) -> bool:
    """Compare an element with the checksum that may be its first child; RFC 8794, 11.3.1."""
    if element.end is None or element.end - element.content > LARGEST_READ:
        return True
    first = _element(file, element.content, element.end)
    if first is None or first.id != CHECKSUM or first.end != first.content + 4:
        return True
    file.seek(first.content)
    expected = int.from_bytes(file.read(4), "little")
    return zlib.crc32(file.read(element.end - first.end)) == expected


def _element(file: BinaryIO, position: int, end: int) -> Element | None:
    """Read the element at `position`, None where there can be none."""
    name = _number(file, position, keep_marker=True)
    if name is None or name[1] > 4:
        return None
    length = _number(file, position + name[1], keep_marker=False)
    content = position + name[1] + (length[1] if length else 0)
    if length is None or content > end:
        return None
    unknown = length[0] == (1 << 7 * length[1]) - 1
    return Element(name[0], position, content, None if unknown else content + length[0])


def _number(file: BinaryIO, position: int, *, keep_marker: bool) -> tuple[int, int] | None:
    """Read a number of variable length and its length in bytes; RFC 8794, 4."""
    file.seek(position)
    data = file.read(8)
    if not data or not data[0]:
        return None
    length = 9 - data[0].bit_length()
    if len(data) < length:
        return None
    value = int.from_bytes(data[:length], "big")
    return (value if keep_marker else value & (1 << 7 * length) - 1), length
