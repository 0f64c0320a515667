"""The pictures of a video, frame by frame, the way a player shows them."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.media.video import REMEDY
from pipeline.runtime.errors import InputError, Problem

QUARTER_TURN = 90
"""Degrees; a container may ask players to turn its pictures by multiples of this, as phones do."""


def decode_pictures(path: Path) -> Iterator[av.VideoFrame]:
    """Yield every frame that `pipeline.media.video.read_video` counts, in the same order.

    Raises
    ------
    InputError
        A frame cannot be decoded.
    """
    number = 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.best("video")
            if not isinstance(stream, av.VideoStream):
                raise InputError("unusable video", [Problem("there is no video stream", file=str(path), remedy=REMEDY)])
            stream.codec_context.thread_count = 1
            for packet in container.demux(stream):
                for frame in packet.decode():
                    if isinstance(frame, av.VideoFrame):
                        yield frame
                        number += 1
    except av.FFmpegError as error:
        problem = Problem(f"frame {number} cannot be decoded: {error.strerror}", file=str(path), remedy=REMEDY)
        raise InputError("unusable video", [problem]) from error


def to_rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return the picture upright, (height, width, 3) RGB."""
    return _upright(frame, "rgb24")


def to_grey(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return the picture upright, (height, width)."""
    return _upright(frame, "gray")


def _upright(frame: av.VideoFrame, form: str) -> NDArray[np.uint8]:
    # One thread: how a picture is cut into slices must not depend on the machine.
    picture = frame.to_ndarray(format=form, threads=1)
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / QUARTER_TURN)), dtype=np.uint8)
