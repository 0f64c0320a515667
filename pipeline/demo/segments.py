"""Runs of frames in which something is missing: useless modalities, lost faces, un-annotated rows."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo.latent import CONTROL_RATE, Curve

SHORTEST, LONGEST = 1.5, 4.0
"""Seconds that a useless segment lasts."""

KINDS = {"visual": ("covered", "turned"), "audio": ("silence", "noise")}
"""How a modality can be useless: face behind a book or turned away; microphone dead or drowned."""


@dataclass(frozen=True)
class Segment:
    """A stretch of time in which one modality carries no information; `start` and `end` in seconds."""

    modality: str
    kind: str
    start: float
    end: float


def useless(random: np.random.Generator, *, seconds: float, share: float, position: int) -> list[Segment]:
    """Draw the segments of the video at `position` of its partition, the modalities in turn.

    A short video has room for a segment or two, so `share` of the time holds over a partition rather than in each
    video: the rounding of their number, and the modality that is useless first, alternate with the position.
    """
    mean = (SHORTEST + max(SHORTEST, min(LONGEST, 0.8 * seconds))) / 2
    count = int(share * seconds / mean + _spread(position))
    count = min(count, int(seconds / (SHORTEST + 1.0)))
    if count == 0:
        return []
    slot = seconds / count
    found = []
    for index in range(count):
        length = random.uniform(SHORTEST, min(LONGEST, max(SHORTEST, 0.8 * slot)))
        start = index * slot + random.uniform(0, max(slot - length, 0))
        modality = ("visual", "audio")[(position + index) % 2]
        kind = KINDS[modality][int(random.integers(2))]
        found.append(Segment(modality=modality, kind=kind, start=start, end=min(start + length, seconds)))
    return found


def _spread(position: int) -> float:
    """Spread positions evenly over [0, 1): any few neighbours fill it (multiples of the golden ratio)."""
    return float((0.7 + position * (np.sqrt(5) - 1) / 2) % 1.0)


def cover(segments: list[Segment], *, modality: str, kind: str, count: int, ramp: float) -> Curve:
    """Say how far a useless segment has set in: 1 inside, falling to 0 within `ramp` seconds outside of it."""
    time = np.arange(count) / CONTROL_RATE
    result = np.zeros(count)
    for segment in segments:
        if (segment.modality, segment.kind) == (modality, kind):
            distance = np.maximum(np.maximum(segment.start - time, time - segment.end), 0.0)
            result = np.maximum(result, np.clip(1 - distance / ramp, 0, 1))
    return result


def runs(random: np.random.Generator, *, frames: int, count: int) -> set[int]:
    """Draw `count` runs of frame numbers (0-based), each of 4 frames up to 7 % of the trial."""
    chosen: set[int] = set()
    for _ in range(count):
        length = int(random.integers(4, max(6, int(0.07 * frames))))
        start = int(random.integers(0, max(frames - length, 1)))
        chosen.update(range(start, min(start + length, frames)))
    return chosen
