"""What lies beside the traces of a trial: the loudness of its sound and small pictures of its face along time."""

from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.clips.clip import read_clip

SIDE = 48
"""Pixels across a thumbnail."""
QUALITY = 70
"""Of the JPEG; one thumbnail takes about half a kilobyte."""


@dataclass(frozen=True)
class Strips:
    """What a clip gives to be drawn along time.

    Parameters
    ----------
    thumbnails : a JPEG of n faces side by side, `SIDE` pixels each; empty where n is 0
    times : (n,) seconds of the thumbnails
    loudness : (m,) uint8, the greatest amplitude in each of m equal stretches, relative to the greatest of all
    seconds : length of the sound
    face_valid : (t,) bool
    """

    thumbnails: bytes
    times: npt.NDArray[np.float64]
    loudness: npt.NDArray[np.uint8]
    seconds: float
    face_valid: npt.NDArray[np.bool_]


def read_strips(path: Path, *, thumbnails: int, stretches: int) -> Strips:
    """Read one clip; of its faces, those that are shown alone.

    Parameters
    ----------
    path : the clip
    thumbnails : at most how many
    stretches : at most how many values of loudness

    Raises
    ------
    InputError
        The clip is missing or damaged.
    """
    clip = read_clip(path, mapped=True)
    frames = spread(clip.face_valid, thumbnails)
    return Strips(
        thumbnails=side_by_side(clip.faces[frames]) if len(frames) else b"",
        times=clip.time[frames],
        loudness=loudness(clip.audio, stretches),
        seconds=len(clip.audio) / clip.sample_rate,
        face_valid=clip.face_valid,
    )


def spread(valid: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.int64]:
    """Return the frames to show: of each of `count` equal stretches the face nearest its middle, if it has one."""
    edges = np.linspace(0, len(valid), min(count, len(valid)) + 1).astype(np.int64)
    chosen = []
    for start, end in pairwise(edges):
        faces = start + np.flatnonzero(valid[start:end])
        if len(faces):
            chosen.append(int(faces[np.abs(2 * faces - (start + end - 1)).argmin()]))
    return np.array(chosen, dtype=np.int64)


def side_by_side(faces: npt.NDArray[np.uint8]) -> bytes:
    """Return one JPEG of the faces (n, s, s, 3), from the left to the right; the same faces give the same bytes."""
    strip = Image.new("RGB", (SIDE * len(faces), SIDE))
    for place, face in enumerate(faces):
        strip.paste(Image.fromarray(face).resize((SIDE, SIDE), Image.Resampling.BICUBIC), (SIDE * place, 0))
    buffer = BytesIO()
    strip.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def loudness(samples: npt.NDArray[np.int16], stretches: int) -> npt.NDArray[np.uint8]:
    """Return the greatest amplitude in each of at most `stretches` equal parts, 255 for the greatest of all."""
    count = min(stretches, len(samples))
    if count == 0:
        return np.empty(0, dtype=np.uint8)
    starts = np.linspace(0, len(samples), count + 1).astype(np.int64)[:-1]
    peaks = np.maximum(
        np.maximum.reduceat(samples, starts).astype(np.int64), -np.minimum.reduceat(samples, starts).astype(np.int64)
    )
    return (255 * peaks // max(int(peaks.max()), 1)).astype(np.uint8)
