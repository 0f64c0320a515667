"""When each frame of a video is shown, by the container's own time stamps.

Only the time line is kept: the faces come from the corpus' own crops. Yet every frame is decoded, since a container's
count of frames is a claim (and OpenCV's an estimate), and since damage inside a file shows in no other way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.media.clock import LONGEST_GAP, WITHOUT_TIME_STAMPS, backwards, counted, slots, stamped
from pipeline.media.containers import REFETCH, check_container
from pipeline.media.damage import Damage
from pipeline.media.decoding import REMEDY, OpenVideo, open_video, unusable
from pipeline.runtime.errors import InputError, Problem

STATED_DURATION = frozenset({"matroska", "flv", "asf"})
"""Containers whose header says how long they are; for others FFmpeg estimates it from what is there."""

WITH_EDIT_LISTS = frozenset({"mov"})
"""Containers that may hold more frames than they show, and say how many they hold."""

SHORTFALL = 0.5
"""Seconds by which a file may end before its header says."""

SLOWEST, FASTEST = Fraction(1, 60), 1000
"""Frames per second; any other rate is a damaged header."""

MISCOUNT = 0.01
"""Share of what a header promises, in frames or seconds, that may be absent."""


@dataclass(frozen=True)
class VideoTrack:
    """The time line of a video's frames, in presentation order.

    Parameters
    ----------
    time : (T,) float64, seconds on the container's clock, which may start anywhere
    clock : ``"container"`` where `time` is from time stamps, ``"assumed"`` where it is from the frames' numbers
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
        The file cannot be opened, has no video stream or no frames, breaks off, or holds damaged pictures.
    """
    damage = Damage(path)
    stamps: list[int | None] = []
    steps: list[tuple[int | None, int]] = []
    try:
        problems = check_container(path)
        with open_video(path) as video:
            time_base = video.stream.time_base or Fraction(1, 1_000_000)
            for step in video:
                damage.note(step, time_base)
                stamps.extend(frame.pts for frame in step.frames)
                steps.append((step.slot, len(step.frames)))
            problems += damage.problems(video) + ([] if problems else _cut_short(path, video, steps))
            notes = _miscounts(video, len(stamps), steps)
            rate = video.stream.average_rate or video.stream.base_rate or video.stream.guessed_rate
            stampless = bool(WITHOUT_TIME_STAMPS & video.formats)
    except OSError as error:
        raise unusable(f"the file does not open: {error.strerror}", path, REMEDY) from error
    except InputError as error:
        # What breaks off often does not open either: one word is enough.
        raise InputError(error.summary, problems or error.problems) from error
    if not problems and not stamps:
        problems.append(Problem("the video has no frames", file=str(path), remedy=REMEDY))
    if problems:
        raise InputError("unusable media", problems)
    track = _time_line(path, stamps, time_base, rate, steps=steps if stampless else None)
    return replace(track, notes=(*track.notes, *notes))


def _miscounts(video: OpenVideo, shown: int, steps: Sequence[tuple[int | None, int]]) -> tuple[str, ...]:
    """Say how the number of frames differs from what the header says, where that is no damage."""
    promised = video.stream.frames
    if WITH_EDIT_LISTS & video.formats and promised > shown:
        why = "its edit list hides them, or they lean on what was cut off"
        return (f"{promised - shown} frames in the file are not shown: {why}",)
    if WITHOUT_TIME_STAMPS & video.formats and promised != _places(steps):
        return (f"{_places(steps)} of the {promised} frames that its header promises are there",)
    return ()


def _places(steps: Sequence[tuple[int | None, int]]) -> int:
    """Count the places for frames in a file, empty ones included."""
    return max((place + 1 for place, _ in steps if place is not None), default=0)


def _cut_short(path: Path, video: OpenVideo, steps: Sequence[tuple[int | None, int]]) -> list[Problem]:
    """Compare a file's end with what its header says."""
    stated = (video.container.duration or 0) / 1_000_000
    if STATED_DURATION & video.formats and stated - video.reached > SHORTFALL + MISCOUNT * stated:
        message = f"the file breaks off: it ends at {video.reached:.2f} s, and its header says {stated:.2f} s"
        return [Problem(message, file=str(path), remedy=REFETCH)]
    promised, present = video.stream.frames, _places(steps)
    if WITHOUT_TIME_STAMPS & video.formats and promised - present > max(2, MISCOUNT * promised):
        message = f"the file breaks off: {present} of the {promised} frames that its header promises"
        return [Problem(message, file=str(path), remedy=REFETCH)]
    return []


def _time_line(
    path: Path,
    stamps: Sequence[int | None],
    time_base: Fraction,
    rate: Fraction | None,
    *,
    steps: Sequence[tuple[int | None, int]] | None,
) -> VideoTrack:
    """Place the frames; `steps` are given instead of the time stamps where a file has none (`clock.slots`)."""
    time = None if steps is not None else stamped(stamps, time_base, rate)
    if time is not None:
        jumps = np.flatnonzero(np.diff(time) > LONGEST_GAP)
        if len(jumps):
            message = f"time stamps jump by {np.diff(time)[jumps[0]]:.1f} s at frame {jumps[0] + 1}"
            raise unusable(message, path, REMEDY)
        missing = sum(stamp is None for stamp in stamps)
        notes = (f"{missing} frames have no time stamp: placed by their neighbours",) if missing else ()
        return VideoTrack(time=time, clock="container", notes=notes)
    if not rate:
        raise unusable("frames have no usable time stamps, and there is no frame rate", path, REMEDY)
    if not SLOWEST <= rate <= FASTEST:
        raise unusable(f"frames have no usable time stamps, and the frame rate is {float(rate):g}", path, REMEDY)
    if steps is not None:
        return _placed(stamps, time_base, rate, steps)
    late = backwards(stamps)
    reason = "no frame has a time stamp" if late is None else f"time stamps run backwards at frame {late}"
    return VideoTrack(counted(stamps, time_base, rate), "assumed", (f"{reason}: {_taken(rate)}",))


def _placed(
    stamps: Sequence[int | None], time_base: Fraction, rate: Fraction, steps: Sequence[tuple[int | None, int]]
) -> VideoTrack:
    """Place frames by their order in the file."""
    reason = "this kind of file holds no time stamps"
    places = slots(steps)
    if places is None:
        return VideoTrack(counted([None] * len(stamps), time_base, rate), "assumed", (f"{reason}: {_taken(rate)}",))
    time = np.array(places, dtype=np.float64) * time_base.numerator / time_base.denominator
    dropped = places[-1] + 1 - len(places)
    how = f"frames stand at their places in the file, {dropped} of which are empty" if dropped else _taken(rate)
    return VideoTrack(time, "assumed", (f"{reason}: {how}",))


def _taken(rate: Fraction) -> str:
    return f"frame i is taken to be at i / {float(rate):g} s"
