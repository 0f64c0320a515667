"""The time of each frame, from whatever a container says about it. Legend: n frames, in the order of presentation."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]

WITHOUT_TIME_STAMPS = frozenset({"avi"})
"""Containers that store no presentation times: what FFmpeg reports for them is a guess, wrong where frames reorder."""

LONGEST_GAP = 60.0
"""Seconds past which a jump in the time stamps is taken for damage and not for a still picture or a silence."""


def stamped(stamps: Sequence[int | None], time_base: Fraction, rate: Fraction | None) -> Times | None:
    """Return the time of each frame from time stamps, None where they contradict each other or say too little.

    A frame without a stamp is put between its neighbours; those before the first stamp and behind the last one follow
    the frame rate.

    Parameters
    ----------
    stamps : (n,) ticks
    time_base : seconds per tick
    rate : frames per second
    """
    known = [number for number, stamp in enumerate(stamps) if stamp is not None]
    ticks = np.array([stamp for stamp in stamps if stamp is not None], dtype=np.float64)
    open_ended = len(known) < len(stamps) and (known[:1] != [0] or known[-1:] != [len(stamps) - 1])
    if not known or backwards(stamps) is not None or (open_ended and not rate):
        return None
    numbers = np.arange(len(stamps), dtype=np.float64)
    seconds = ticks * time_base.numerator / time_base.denominator
    time: Times = np.interp(numbers, known, seconds)
    period = 1 / float(rate) if rate else 0.0
    time[: known[0]] = seconds[0] - (known[0] - numbers[: known[0]]) * period
    time[known[-1] + 1 :] = seconds[-1] + (numbers[known[-1] + 1 :] - known[-1]) * period
    return time


def backwards(stamps: Sequence[int | None]) -> int | None:
    """Return the first frame whose time stamp is smaller than one before it, None where there is none."""
    last: int | None = None
    for number, stamp in enumerate(stamps):
        if stamp is not None:
            if last is not None and stamp < last:
                return number
            last = stamp
    return None


def counted(stamps: Sequence[int | None], time_base: Fraction, rate: Fraction) -> Times:
    """Return the time of each frame by its number alone, so that the first known time stamp is kept; zero without one.

    Parameters
    ----------
    stamps, time_base, rate : as in `stamped`
    """
    first = next(((number, stamp) for number, stamp in enumerate(stamps) if stamp is not None), (0, 0))
    start = float(first[1] * time_base - first[0] / rate)
    time: Times = start + np.arange(len(stamps), dtype=np.float64) * rate.denominator / rate.numerator
    return time


def slots(steps: Sequence[tuple[int | None, int]]) -> list[int] | None:
    """Return each frame's place in a file that stores none but the order of decoding, None where there is none.

    Frames take the places of the packets that hold pictures, in order: where frames reorder, as many as the decoder
    holds back come out behind the last packet. Places that no packet takes are those of dropped frames, during which
    a player goes on showing the one before.

    Parameters
    ----------
    steps : place (None behind the last packet) and number of decoded frames of each packet
    """
    packets = [place for place, _ in steps if place is not None]
    shown = [place for place, count in steps for _ in range(count)]
    late = sum(place is None for place in shown)
    places = packets[:late] + [place for place in shown if place is not None]
    ordered = len(places) == len(shown) and all(one < other for one, other in pairwise(places))
    return places if places and ordered else None
