"""When each frame of a video is shown, by the container's own time stamps.

Only the time line is kept: the faces come from the corpus' own crops. Yet every frame is decoded, since a container's
count of frames is a claim (and OpenCV's an estimate), and since damage inside a file shows in no other way.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from pipeline.runtime.errors import InputError, Problem

WITHOUT_TIME_STAMPS = frozenset({"avi"})
"""Containers that store no presentation times: what FFmpeg reports for them is a guess, wrong where frames reorder."""

REMEDY = "fetch or convert the video again (ffmpeg -i IN -c copy OUT mends broken time stamps)"


@dataclass(frozen=True)
class VideoTrack:
    """The time line of a video's frames, in presentation order.

    Parameters
    ----------
    time : (T,) float64, seconds on the container's clock, which may start anywhere
    clock : ``"container"`` where `time` is from time stamps, ``"assumed"`` where it is frame number / frame rate
    notes : what was found and mended, for people
    """

    time: NDArray[np.float64]
    clock: Literal["container", "assumed"]
    notes: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Mean frames per second, from first to last frame (0 for a single frame)."""
        span = float(self.time[-1] - self.time[0])
        return (len(self.time) - 1) / span if span > 0 else 0.0


def read_video(path: Path) -> VideoTrack:
    """Decode a video from end to end and return its time line.

    Raises
    ------
    InputError
        The file cannot be opened, has no video stream or no frames, or frames cannot be decoded: each with its number.
    """
    problems: list[Problem] = []
    stamps: list[int | None] = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.best("video")
            if not isinstance(stream, av.VideoStream):
                raise InputError("unusable video", [Problem("there is no video stream", file=str(path), remedy=REMEDY)])
            # One thread: clips are built side by side, and damage is then met at the frame where it lies.
            stream.codec_context.thread_count = 1
            for packet in container.demux(stream):
                try:
                    stamps.extend(frame.pts for frame in packet.decode() if isinstance(frame, av.VideoFrame))
                except av.FFmpegError as error:
                    problems.append(_damaged(path, len(stamps), error))
            time_base = stream.time_base or Fraction(1, av.time_base)
            rate = stream.average_rate or stream.base_rate or stream.guessed_rate
            stampless = bool(WITHOUT_TIME_STAMPS & set(container.format.name.split(",")))
    except av.FFmpegError as error:
        problems.append(Problem(f"the video cannot be read: {error.strerror}", file=str(path), remedy=REMEDY))
    if not problems and not stamps:
        problems.append(Problem("the video has no frames", file=str(path), remedy=REMEDY))
    if problems:
        raise InputError("unusable video", problems)
    return _time_line(path, stamps, time_base, rate, stampless=stampless)


def _time_line(
    path: Path, stamps: list[int | None], time_base: Fraction, rate: Fraction | None, *, stampless: bool
) -> VideoTrack:
    known = [stamp for stamp in stamps if stamp is not None]
    backwards = [frame for frame in range(1, len(known)) if known[frame] < known[frame - 1]]
    if stampless:
        reason = "this kind of file holds no time stamps"
    elif len(known) < len(stamps):
        reason = f"{len(stamps) - len(known)} frames have no time stamp"
    elif backwards:
        reason = f"time stamps run backwards at frame {backwards[0]}"
    else:
        time = np.array(known, dtype=np.float64) * time_base.numerator / time_base.denominator
        return VideoTrack(time=time, clock="container", notes=())
    if not rate:
        raise InputError("unusable video", [Problem(f"{reason} and no frame rate", file=str(path), remedy=REMEDY)])
    # Without time stamps the first frame is at the container's zero: the sound's own start then still counts.
    start = 0.0 if stampless or not known else float(known[0] * time_base)
    time = start + np.arange(len(stamps), dtype=np.float64) * rate.denominator / rate.numerator
    return VideoTrack(time=time, clock="assumed", notes=(f"{reason}: frame i is taken to be at i / {float(rate):g} s",))


def _damaged(path: Path, frame: int, error: av.FFmpegError) -> Problem:
    return Problem(f"frame {frame} cannot be decoded: {error.strerror}", file=str(path), remedy=REMEDY)
