"""A trial's faces on the video's frames: its crops, or what is found in the video of a trial without crops."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.digest import IMAGE_NAME, FolderDigest, list_images
from pipeline.media.config import FacesConfig
from pipeline.media.faces import find_faces
from pipeline.media.images import LARGEST_FILE, decode_sizes
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.tables import read_bounded


@dataclass(frozen=True)
class Faces:
    """The faces of one trial.

    Parameters
    ----------
    pixels : (t, s, s, 3) uint8, RGB; zeros where there is no face
    valid : (t,) bool
    numbers : the numbers of all crops on disk, or of the frames in which a face was found, from 1
    digest : SHA-256 of the folder, as in the corpus index; None where there is no folder
    problems : crops that cannot be decoded
    other_pixels : the faces again in other sizes, by pixels
    notes : what was found and decided, for people
    """

    pixels: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    numbers: tuple[int, ...]
    digest: str | None
    problems: tuple[Problem, ...]
    other_pixels: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_faces(folder: Path, *, frames: int, size: int, other_sizes: tuple[int, ...] = ()) -> Faces:
    """Read every crop of a folder once; image ``00001.jpg`` belongs to frame 0.

    Parameters
    ----------
    frames : how many frames the video has; crops past them are counted, not decoded
    size : width and height to bring the crops to, pixels
    other_sizes : further sizes to bring them to
    """
    pixels = [np.zeros((frames, side, side, 3), dtype=np.uint8) for side in (size, *other_sizes)]
    valid = np.zeros(frames, dtype=np.bool_)
    numbers: list[int] = []
    problems: list[Problem] = []
    digest = FolderDigest()
    for name in list_images(folder):
        data = read_bounded(folder / name, largest=LARGEST_FILE, what="unusable crop")
        digest.add(name, data)
        match = IMAGE_NAME.fullmatch(name)
        number = int(match["number"]) if match else 0
        if not number:
            continue
        numbers.append(number)
        if number <= frames:
            try:
                for stack, face in zip(pixels, decode_sizes(data, (size, *other_sizes)), strict=True):
                    stack[number - 1] = face
                valid[number - 1] = True
            except ValueError as error:
                problems.append(Problem(str(error), file=str(folder / name), remedy="crop this picture again"))
    others = dict(zip(other_sizes, pixels[1:], strict=True))
    return Faces(pixels[0], valid, tuple(numbers), digest.hexdigest(), tuple(problems), others)


def search_faces(
    video: Path, time: NDArray[np.float64], *, size: int, config: FacesConfig, other_sizes: tuple[int, ...] = ()
) -> Faces:
    """Find the main face in every frame of a video; see `pipeline.media.faces`.

    Parameters
    ----------
    time : (t,) s, the video's time line
    size : width and height of the crops, pixels
    config : how to search
    other_sizes : further sizes of crops

    Raises
    ------
    InputError
        There is no face in the whole video, a second person's where only one may be followed, or it cannot be decoded.
    """
    found = find_faces(video, time, size=size, config=config, other_sizes=other_sizes)
    if not found.valid.any():
        remedy = "crop the faces yourself, search smaller ones (corpus.faces), or take the trial out of the corpus"
        raise InputError("no faces", [Problem("no face in any frame", file=str(video), remedy=remedy)])
    message = f"{found.other.sum()} of {len(time)} frames show a face of another track, perhaps another person's"
    if found.other.any() and config.follow == "one":
        remedy = "crop the faces yourself, accept them (corpus.faces.follow: similar), or take the trial out"
        raise InputError("more than one face", [Problem(message, file=str(video), remedy=remedy)])
    numbers = tuple((np.flatnonzero(found.valid) + 1).tolist())
    notes = (message,) if found.other.any() else ()
    return Faces(found.pixels, found.valid, numbers, None, (), found.other_pixels, notes)
