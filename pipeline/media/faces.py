"""Cropping the main face out of every frame of a video that comes without crops of its own.

A detector looks at the frames, the face is followed from one to the next, and a second pass over the video cuts it out:
no more than one picture is in memory at a time. One person per video is followed; for two people side by side a corpus
must bring its own crops.
"""

from collections.abc import Mapping
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
    followed = follow(_search(path, time, config), time, bridge=config.bridge, smooth=config.smooth)
    boxes = followed.boxes
    valid = ~np.isnan(boxes[:, 0])
    pixels = {side: np.zeros((len(time), side, side, 3), dtype=np.uint8) for side in (size, *other_sizes)}
    if valid.any():
        for number, frame in enumerate(decode_pictures(path)):
            if valid[number]:
                picture = frame.rgb()
                for side, stack in pixels.items():
                    stack[number] = crop_face(picture, boxes[number], margin=config.margin, size=side)
    return FoundFaces(pixels.pop(size), valid, boxes, followed.other, pixels)


def _search(path: Path, time: NDArray[np.float64], config: FacesConfig) -> dict[int, Boxes]:
    """Look for faces once in `config.every` seconds and in the last frame; faces by frame number."""
    detector, every = make_detector(config), config.every or 0.0
    found: dict[int, Boxes] = {}
    count, due = 0, -np.inf
    for number, picture in enumerate(decode_pictures(path)):
        count += 1
        if number < len(time) and (time[number] >= due or number == len(time) - 1):
            found[number] = detector.detect(picture)
            due = time[number] + every - ROUNDING
    if count != len(time):
        raise unusable(f"{count} frames where its time line has {len(time)}", path, REMEDY)
    return found
