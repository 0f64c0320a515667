"""Read damaged copies of whole media files and say what came of each: `python -m tests.media.fuzzing FOLDER`.

A folder holds ``whole<suffix>`` and copies of it, ``<anything else><suffix>``. Each copy gives one line: its name, then
what came of it. The process may end early or hang, which is for the one that started it to notice: the name of a copy
is printed before it is read.
"""

import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.media.audio import read_audio
from pipeline.media.pictures import decode_pictures
from pipeline.media.video import read_video
from pipeline.runtime.errors import InputError

MEMORY = 6 << 30
"""Bytes of address space: what asks for more ends in a MemoryError."""

ALIKE = 1.0
"""Mean difference of two grey pictures, in levels of 255, below which nobody sees one."""

ON_TIME = 0.1
"""Seconds by which a frame may be moved without a word."""


@dataclass(frozen=True)
class Reading:
    """What was read of a file: pictures and their times, or sound."""

    time: NDArray[np.float64]
    pictures: list[NDArray[np.uint8]]
    notes: tuple[str, ...]


def read(path: Path) -> Reading:
    """Read a file as a clip does."""
    if path.suffix == ".wav":
        (sound,) = read_audio(path, (16000,))
        return Reading(np.zeros(len(sound.samples)), [], sound.notes)
    track = read_video(path)
    return Reading(track.time, [picture.grey() for picture in decode_pictures(path)], track.notes)


def compare(whole: Reading, copy: Reading) -> str:
    """Say how a copy differs from the whole file."""
    if copy.notes != whole.notes:
        return "noted"
    if len(copy.time) != len(whole.time):
        return "LOST"
    if any(one.shape != other.shape for one, other in zip(copy.pictures, whole.pictures, strict=True)):
        return "SHAPE"
    differences = [
        np.abs(one.astype(int) - other).mean() for one, other in zip(copy.pictures, whole.pictures, strict=True)
    ]
    if max(differences, default=0.0) > ALIKE:
        return "SMEARED"
    return "MOVED" if np.abs(copy.time - whole.time).max() > ON_TIME else "same"


def outcomes(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of each copy, first with nothing, then with what came of it."""
    (reference,) = folder.glob("whole.*")
    whole = read(reference)
    for path in sorted(folder.iterdir()):
        if path != reference:
            yield path.name, ""
            try:
                yield path.name, compare(whole, read(path))
            except InputError as error:
                yield (
                    path.name,
                    "refused" if all(problem.file and problem.remedy for problem in error.problems) else "BARE",
                )
            except Exception as error:
                yield path.name, f"CRASH {error!r}"


def main(folder: Path) -> None:
    """Print a line for each copy."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for name, outcome in outcomes(folder):
        print(f"{name} {outcome}" if outcome else name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
