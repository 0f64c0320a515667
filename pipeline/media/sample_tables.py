"""Whether the tables of an MP4 or MOV agree with each other, and with the file, about the samples of each track.

FFmpeg takes what it finds: with one damaged number it shows fewer frames, without an error. Sections are those of
ISO/IEC 14496-12. Legend: n samples, m chunks.
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Boxes = dict[bytes, bytes]
Numbers = NDArray[np.int64]

LONG_BY = 0.02
"""Share by which two lengths of a track may differ: programs count the last sample's in several ways."""

REORDERED = 64
"""Frames by which decoding may run ahead of showing; H.264 allows 16 of two fields each."""

LARGEST = 1 << 28
"""Bytes; tables of a day of video have a tenth of that."""


def check_tables(movie: bytes, file_size: int) -> Iterator[str]:
    """Yield what contradicts itself, in words.

    Parameters
    ----------
    movie : content of a ``moov`` box
    file_size : bytes
    """
    tracks = [content for kind, content in _boxes(movie) if kind == b"trak"]
    for number, content in enumerate(tracks, start=1):
        try:
            track = dict(_boxes(content))
            scale, _ = _timing(dict(_boxes(movie))[b"mvhd"], skipped=0)
            for message in (*_check_samples(track, file_size), *_check_edits(track, scale)):
                yield f"the tables of its track {number} are damaged: {message}"
        except KeyError as error:
            yield f"the tables of its track {number} are damaged: {error.args[0].decode('ascii')!r} is missing"
        except (struct.error, ValueError, IndexError):
            yield f"the tables of its track {number} are damaged"


def _check_samples(track: Boxes, file_size: int) -> Iterator[str]:
    media = dict(_boxes(track[b"mdia"]))
    tables = dict(_boxes(dict(_boxes(media[b"minf"]))[b"stbl"]))
    scale, length = _timing(media[b"mdhd"], skipped=0)
    if b"stz2" in tables:
        # Sizes of a few bits each, which nobody writes for pictures.
        return
    sizes = _sizes(tables[b"stsz"])
    counts, steps = _columns(tables[b"stts"], 2).T
    if counts.sum() != len(sizes):
        yield f"{len(sizes)} samples with {counts.sum()} durations"
    in_chunks = _in_chunks(tables)
    if in_chunks.sum() != len(sizes):
        yield f"{len(sizes)} samples, of which {in_chunks.sum()} have a place"
    elif len(sizes):
        bounds = np.concatenate([[0], np.cumsum(sizes)])[np.concatenate([[0], np.cumsum(in_chunks)])]
        missing = int((_offsets(tables) + np.diff(bounds)).max()) - file_size
        if missing > 0:
            yield f"its samples end {missing} bytes behind the file's end"
    if b"ctts" in tables and len(steps):
        spread = _columns(tables[b"ctts"], 2)[:, 1].astype(np.int32)
        if np.ptp(spread.astype(np.int64)) > REORDERED * steps.max():
            yield "some samples are shown long before or after they are decoded"
    total = int((counts * steps).sum())
    if total and length and scale and abs(total - length) > LONG_BY * length + scale / 5:
        yield f"it is {length / scale:.2f} s long, and its samples {total / scale:.2f} s"


def _check_edits(track: Boxes, movie_scale: int) -> Iterator[str]:
    """Compare what of a track is shown with how long it is; lengths of edits are in the movie's time scale."""
    edits = dict(_boxes(track.get(b"edts", b""))).get(b"elst")
    _, shown = _timing(track[b"tkhd"], skipped=4)
    scale, length = _timing(dict(_boxes(track[b"mdia"]))[b"mdhd"], skipped=0)
    if not edits or not shown or not length or not scale or not movie_scale:
        return
    lengths, starts = _edits(edits)
    if abs(lengths.sum() - shown) > LONG_BY * shown + 1:
        yield "its edit list has another length than the track"
    used = int(lengths[starts >= 0].sum()) / movie_scale
    if used > length / scale * (1 + LONG_BY) + 0.2:
        yield f"{used:.2f} s of it are shown, and it is {length / scale:.2f} s long"


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split the content of a box into the types and contents of the boxes in it (4.2)."""
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        length = length or len(data) - position
        if length < 8:
            return
        yield kind, data[position + 8 : position + length]
        position += length


def _columns(table: bytes, width: int, form: str = ">u4") -> Numbers:
    """Read the (entries, width) numbers of a table that starts with their count."""
    (count,) = struct.unpack_from(">I", table, 4)
    numbers = np.frombuffer(table, dtype=form, count=count * width, offset=8).reshape(-1, width)
    return numbers.astype(np.int64)


def _sizes(table: bytes) -> Numbers:
    """Read the (n,) sizes of a ``stsz`` box, bytes (8.7.3)."""
    common, count = struct.unpack_from(">II", table, 4)
    if common:
        if count > LARGEST:
            raise ValueError(f"{count} samples")
        return np.full(count, common, dtype=np.int64)
    return np.frombuffer(table, dtype=">u4", count=count, offset=12).astype(np.int64)


def _offsets(tables: Boxes) -> Numbers:
    """Read where each of the (m,) chunks begins, from ``stco`` or ``co64`` (8.7.5)."""
    if b"stco" in tables:
        return _columns(tables[b"stco"], 1)[:, 0]
    return _columns(tables[b"co64"], 1, ">u8")[:, 0]


def _in_chunks(tables: Boxes) -> Numbers:
    """Read how many samples each of the (m,) chunks has, from ``stsc`` (8.7.4)."""
    chunks = len(_offsets(tables))
    runs = _columns(tables[b"stsc"], 3)
    lengths = np.diff(np.concatenate([runs[:, 0], [chunks + 1]]))
    if (lengths < 0).any() or lengths.sum() > chunks:
        raise ValueError("its chunks are in no order")
    return np.repeat(runs[:, 1], lengths)


def _timing(header: bytes, *, skipped: int) -> tuple[int, int]:
    """Read time scale and duration of a ``mdhd`` box, or what stands there and the duration of a ``tkhd``.

    Parameters
    ----------
    skipped : bytes between both numbers (8.3.2, 8.4.2)
    """
    large = header[0] == 1
    start = 20 if large else 12
    (scale,) = struct.unpack_from(">I", header, start)
    (length,) = struct.unpack_from(">Q" if large else ">I", header, start + 4 + skipped)
    unknown = (1 << (64 if large else 32)) - 1
    return scale, 0 if length == unknown else length


def _edits(table: bytes) -> tuple[Numbers, Numbers]:
    """Read how long each part of an ``elst`` box is shown, and where in the track it begins, -1 for a pause (8.6.6)."""
    (count,) = struct.unpack_from(">I", table, 4)
    form = [("length", ">u8"), ("start", ">i8")] if table[0] == 1 else [("length", ">u4"), ("start", ">i4")]
    edits = np.frombuffer(table, dtype=np.dtype([*form, ("rate", ">u4")]), count=count, offset=8)
    return edits["length"].astype(np.int64), edits["start"].astype(np.int64)
