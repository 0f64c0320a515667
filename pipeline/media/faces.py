"""Cropping the main face out of every frame of a video that comes without crops of its own.

A detector looks at the frames, the face is followed from one to the next, and a second pass over the video cuts it out:
no more than one picture is in memory at a time. One person per video is followed; for two people side by side a corpus
must bring its own crops.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.media.config import FacesConfig
from pipeline.media.decoding import REMEDY, unusable
from pipeline.media.detectors import make_detector
from pipeline.media.face_crops import crop_face
from pipeline.media.pictures import decode_pictures
from pipeline.media.tracks import ROUNDING, Boxes, follow


@dataclass(frozen=True)
class FoundFaces:
    """The main face of a video.

    Parameters
    ----------
    pixels : (t, s, s, 3) uint8, RGB; zeros where no face was found
    valid : (t,) bool
    boxes : (t, 3) or (t, 15) the face as its detector gives it (`pipeline.media.detection`), in pixels of the picture
        as it is shown; NaN where none
    other : (t,) bool, where the face may be another person's: it is from another track than the main one
    other_pixels : the faces again in other sizes, by pixels
    """

    pixels: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    boxes: Boxes
    other: NDArray[np.bool_]
    other_pixels: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)


def find_faces(
    path: Path, time: NDArray[np.float64], *, size: int, config: FacesConfig, other_sizes: tuple[int, ...] = ()
) -> FoundFaces:
    """Find, follow and crop the main face of a video.

    Parameters
    ----------
    time : (t,) s, the video's time line as `pipeline.media.video.read_video` gives it
    size : width and height of the crops, pixels
    config : how to search, as `pipeline.media.detectors.resolve` gives it
    other_sizes : further sizes of crops

    Raises
    ------
    InputError
        The video cannot be decoded, has another number of frames than `time`, or the detector cannot be loaded.
    """
    followed = follow(search(path, time, config), time, bridge=config.bridge, smooth=config.smooth)
    pixels = {side: np.zeros((len(time), side, side, 3), dtype=np.uint8) for side in (size, *other_sizes)}
    cut(path, [(followed.boxes, pixels)], margin=config.margin)
    valid = ~np.isnan(followed.boxes[:, 0])
    return FoundFaces(pixels.pop(size), valid, followed.boxes, followed.other, pixels)


def search(
    path: Path, time: NDArray[np.float64], config: FacesConfig, *, seen: Callable[[], object] = lambda: None
) -> dict[int, Boxes]:
    """Look for faces once in `config.every` seconds and in the last frame; return them by frame number.

    Parameters
    ----------
    path, time, config : as for `find_faces`
    seen : called after each frame of the video

    Raises
    ------
    InputError
        As for `find_faces`.
    """
    detector, every = make_detector(config), config.every or 0.0
    found: dict[int, Boxes] = {}
    count, due = 0, -np.inf
    for number, picture in enumerate(decode_pictures(path)):
        count += 1
        if number < len(time) and (time[number] >= due or number == len(time) - 1):
            found[number] = detector.detect(picture)
            due = time[number] + every - ROUNDING
        seen()
    if count != len(time):
        raise unusable(f"{count} frames where its time line has {len(time)}", path, REMEDY)
    return found


def cut(
    path: Path,
    people: Sequence[tuple[Boxes, Mapping[int, NDArray[np.uint8]]]],
    *,
    margin: float,
    seen: Callable[[], object] = lambda: None,
) -> None:
    """Cut faces out of a video that is decoded once more.

    Parameters
    ----------
    people : of each the box (t, c) in every frame, NaN in those without it, and by size the crops (t, s, s, 3) uint8
        that are written; the other frames' stay as they are
    margin : as in `FacesConfig`
    seen : called after each frame of the video
    """
    if all(np.isnan(boxes[:, 0]).all() for boxes, _ in people):
        return
    for number, frame in enumerate(decode_pictures(path)):
        shown = [(boxes[number], pixels) for boxes, pixels in people if not np.isnan(boxes[number, 0])]
        picture = frame.rgb() if shown else None
        for box, pixels in shown:
            assert picture is not None
            for side, stack in pixels.items():
                stack[number] = crop_face(picture, box, margin=margin, size=side)
        seen()
