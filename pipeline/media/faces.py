"""Cropping the main face out of every frame of a video that comes without crops of its own.

A detector looks at a frame every few tenths of a second, the face is followed in between, and a second pass over the
video cuts it out: no more than one picture is in memory at a time. One person per video is followed; for two people
side by side a corpus must bring its own crops.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.media.config import FacesConfig
from pipeline.media.decoding import REMEDY, unusable
from pipeline.media.detection import FaceDetector, one_thread
from pipeline.media.pictures import decode_pictures
from pipeline.media.tracks import ROUNDING, Boxes, follow


@dataclass(frozen=True)
class FoundFaces:
    """The main face of a video.

    Parameters
    ----------
    pixels : (t, s, s, 3) uint8, RGB; zeros where no face was found
    valid : (t,) bool
    boxes : (t, 3) centre x, centre y and side of the face in pixels of the picture as it is shown, without margin; NaN
        where none
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
    config : how to search
    other_sizes : further sizes of crops

    Raises
    ------
    InputError
        The video cannot be decoded, or has another number of frames than `time`.
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
                    stack[number] = crop_square(picture, boxes[number], margin=config.margin, size=side)
    return FoundFaces(pixels.pop(size), valid, boxes, followed.other, pixels)


def crop_square(picture: NDArray[np.uint8], box: Boxes, *, margin: float, size: int) -> NDArray[np.uint8]:
    """Cut a face out of a picture and average it down to (size, size, 3).

    Parameters
    ----------
    picture : (height, width, 3) uint8
    box : centre x, centre y and side of the face, pixels; what lies outside of the picture repeats its border
    margin : width to add on each side, as a share of the face's
    """
    height, width = picture.shape[:2]
    side = max(1, round(float(box[2]) * (1 + 2 * margin)))
    left, top = (round(float(centre) - side / 2) for centre in box[:2])
    # Repeating the border of the part inside is the same as cutting out of an endless picture, without making one.
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    square = np.ascontiguousarray(picture[rows[:, None], columns[None]])
    with one_thread():
        return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _search(path: Path, time: NDArray[np.float64], config: FacesConfig) -> dict[int, Boxes]:
    """Look for faces once in `config.every` seconds and in the last frame; faces by frame number."""
    detector = FaceDetector(cascade=config.cascade, smallest=config.smallest, neighbours=config.neighbours)
    found: dict[int, Boxes] = {}
    count, due = 0, -np.inf
    for number, picture in enumerate(decode_pictures(path)):
        count += 1
        if number < len(time) and (time[number] >= due or number == len(time) - 1):
            found[number] = detector.detect(picture.grey())
            due = time[number] + config.every - ROUNDING
    if count != len(time):
        raise unusable(f"{count} frames where its time line has {len(time)}", path, REMEDY)
    return found
