"""The pictures of a video, frame by frame, the way a player shows them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.media.decoding import REMEDY, open_video, unusable
from pipeline.media.geometry import Orientation, pixel_shape, square_pixels, square_size

LONGEST_WAY = 250
"""Frames that a quick look decodes between a key frame and the place it looks for."""


@dataclass(frozen=True)
class Picture:
    """One frame of a video.

    Parameters
    ----------
    frame : as it is stored
    orientation : how it is turned and mirrored
    pixel : width of a stored pixel over its height
    """

    frame: av.VideoFrame
    orientation: Orientation
    pixel: Fraction

    def rgb(self) -> NDArray[np.uint8]:
        """Return it upright and with square pixels, (height, width, 3) RGB."""
        return self._shown("rgb24")

    def grey(self) -> NDArray[np.uint8]:
        """Return it upright and with square pixels, (height, width)."""
        return self._shown("gray")

    def shrunk(self, shorter: int) -> tuple[NDArray[np.uint8], float]:
        """Return what `rgb` gives with a shorter side of `shorter` pixels, and the size of the whole relative to it.

        FFmpeg scales the picture before it converts the colours, which is several times as fast as `rgb` alone.
        """
        width, height = square_size(self.frame.width, self.frame.height, self.pixel)
        factor = min(width, height) / shorter
        size = {"width": max(1, round(width / factor)), "height": max(1, round(height / factor))}
        small = self.frame.reformat(format="rgb24", interpolation="AREA", threads=1, **size)
        return self.orientation.apply(np.asarray(small.to_ndarray(threads=1), dtype=np.uint8)), factor

    def _shown(self, form: str) -> NDArray[np.uint8]:
        # One thread: how a picture is cut into slices must not depend on the machine.
        stored = np.asarray(self.frame.to_ndarray(format=form, threads=1), dtype=np.uint8)
        return self.orientation.apply(square_pixels(stored, self.pixel))


def decode_pictures(path: Path) -> Iterator[Picture]:
    """Yield every frame that `pipeline.media.video.read_video` counts, in the same order.

    Raises
    ------
    InputError
        A frame cannot be decoded, or the file orders an impossible shape.
    """
    number = 0
    with open_video(path) as video:
        try:
            pixel = pixel_shape(video.stream.sample_aspect_ratio)
        except ValueError as error:
            raise unusable(str(error), path, REMEDY) from error
        turned = _first_orientation(path) if video.decodes_apart else None
        for step in video:
            if step.error is not None:
                raise unusable(f"frame {number} cannot be decoded: {step.error}", path, REMEDY)
            for frame in step.frames:
                yield Picture(frame, turned or _orientation(frame, path), pixel)
                number += 1


def sample_pictures(path: Path, count: int) -> Iterator[Picture]:
    """Yield up to `count` pictures spread over a video, for a quick look: damage goes unnoticed.

    Decoding begins at the key frame before each place, and goes on for at most `LONGEST_WAY` frames.

    Raises
    ------
    InputError
        The file cannot be opened, or orders an impossible shape.
    """
    with open_video(path) as video:
        stream, container = video.stream, video.container
        try:
            pixel = pixel_shape(stream.sample_aspect_ratio)
        except ValueError as error:
            raise unusable(str(error), path, REMEDY) from error
        turned = _first_orientation(path) if video.decodes_apart else None
        length = container.duration or 0
        seen: set[int | None] = set()
        for number in range(count):
            try:
                place = (container.start_time or 0) + length * number // count
                container.seek(place)
                last = None
                for frame in islice(container.decode(stream), LONGEST_WAY):
                    last = frame
                    if frame.time is None or frame.time * av.time_base >= place:
                        break
            except av.FFmpegError:
                continue
            if last is not None and last.pts not in seen:
                seen.add(last.pts)
                yield Picture(last, turned or _orientation(last, path), pixel)


def _orientation(frame: av.VideoFrame, path: Path) -> Orientation:
    # PyAV's types name one kind of side data alone.
    side_data = cast("Mapping[str, bytes]", frame.side_data)
    try:
        return Orientation.of_matrix(bytes(side_data["DISPLAYMATRIX"]) if "DISPLAYMATRIX" in side_data else None)
    except ValueError as error:
        raise unusable(str(error), path, REMEDY) from error


def _first_orientation(path: Path) -> Orientation:
    """Return what the container orders, which only FFmpeg's own decoders hand on to their frames."""
    with av.open(str(path), metadata_errors="replace") as container:
        frame = next(container.decode(container.streams.best("video")), None)
        return _orientation(frame, path) if isinstance(frame, av.VideoFrame) else Orientation()
