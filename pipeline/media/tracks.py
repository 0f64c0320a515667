"""Following one person's face through a video from detections that are sparse, noisy and sometimes false.

A face is a row of c numbers, which begins with centre x, centre y and side in pixels, as `pipeline.media.detection` has
it; keypoints are followed with their face. Legend: t frames, n faces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
Track = dict[int, Boxes]
"""A face's rows by the number of their frame, in order."""

SAME_FACE = 0.3
"""Overlap (intersection over union) from which two detections in a row show the same face."""

ROUNDING = 1e-6
"""Seconds by which time stamps may be rounded."""

CONFIRMED = 2
"""Detections that a face needs to be believed: a false one seldom comes back in the same place."""

SMALLEST_SHARE = 0.5
"""Size, relative to the main face, below which another one is a passer-by or a pattern in the background."""


@dataclass(frozen=True)
class Followed:
    """The face that was followed.

    Parameters
    ----------
    boxes : (t, c), NaN in frames without a face
    other : (t,) bool, where the face is from another track than the main person's
    """

    boxes: Boxes
    other: NDArray[np.bool_]


def follow(detections: Mapping[int, Boxes], time: NDArray[np.float64], *, bridge: float, smooth: float) -> Followed:
    """Return where the main face is in every frame.

    Detections that overlap from one to the next form a track. The track that covers most picture area over time is the
    main person's; where it is absent, others of similar size stand in, since a person who looks away and back has two
    tracks; whether it is the same person is unknown, so those frames are told apart. Between its detections a track is
    interpolated linearly, never beyond its first and last one.

    Parameters
    ----------
    detections : (n, c) faces of each frame that was searched, by its number
    time : (t,) s
    bridge : longest time without a detection that is interpolated over, s
    smooth : length of the moving average over a track, s; 0 switches it off
    """
    columns = max((found.shape[1] for found in detections.values()), default=3)
    boxes = np.full((len(time), columns), np.nan)
    other = np.zeros(len(time), dtype=np.bool_)
    tracks = [track for track in link(detections, time, bridge=bridge) if len(track) >= CONFIRMED]
    # Python sorts stably: of equal tracks the earlier one leads.
    tracks.sort(key=lambda track: -area(track))
    for track in tracks:
        if _side(track) >= SMALLEST_SHARE * _side(tracks[0]):
            frames = np.arange(min(track), max(track) + 1)
            free = np.isnan(boxes[frames, 0])
            boxes[frames[free]] = interpolate(track, time[frames], frames, smooth=smooth)[free]
            other[frames[free]] = track is not tracks[0]
    return Followed(boxes, other)


def overlap(a: Boxes, b: Boxes) -> Boxes:
    """Intersection over union of the square of each of (n, c) faces with each of (m, c): (n, m)."""
    low = np.maximum((a[:, :2] - a[:, 2:3] / 2)[:, None], (b[:, :2] - b[:, 2:3] / 2)[None])
    high = np.minimum((a[:, :2] + a[:, 2:3] / 2)[:, None], (b[:, :2] + b[:, 2:3] / 2)[None])
    common = np.clip(high - low, 0, None).prod(axis=2)
    shares: Boxes = common / (a[:, 2, None] ** 2 + b[None, :, 2] ** 2 - common)
    return shares


def link(detections: Mapping[int, Boxes], time: NDArray[np.float64], *, bridge: float) -> list[Track]:
    """Join detections to tracks (frame number -> box), the best overlaps first.

    A face seen in the search before can always be joined: where frames are few there is none in between.
    """
    tracks: list[Track] = []
    alive: list[Track] = []
    before: int | None = None
    for frame in sorted(detections):
        boxes = detections[frame]
        alive = [
            track for track in alive if last(track) == before or time[frame] - time[last(track)] <= bridge + ROUNDING
        ]
        before = frame
        taken: set[int] = set()
        if alive and len(boxes):
            shares = overlap(np.stack([track[last(track)] for track in alive]), boxes)
            for flat in np.argsort(-shares, axis=None, kind="stable"):
                place, number = divmod(int(flat), len(boxes))
                if shares[place, number] >= SAME_FACE and number not in taken and frame not in alive[place]:
                    alive[place][frame] = boxes[number]
                    taken.add(number)
        begun = [{frame: box} for number, box in enumerate(boxes) if number not in taken]
        tracks += begun
        alive += begun
    return tracks


def last(track: Track) -> int:
    """Return the number of a track's last frame: they are added in order."""
    return next(reversed(track))


def area(track: Track) -> float:
    """Return the picture area that a track covers, added up over its frames, pixels."""
    return sum(float(box[2]) ** 2 for box in track.values())


def _side(track: Track) -> float:
    return float(np.median([box[2] for box in track.values()]))


def interpolate(
    track: Track, time: NDArray[np.float64], frames: Sequence[int] | NDArray[np.int_], *, smooth: float
) -> Boxes:
    """Return the track's box in each of its frames: (t, c)."""
    known = np.array(sorted(track)) - frames[0]
    boxes = np.stack([track[frame] for frame in sorted(track)])
    path = np.stack([np.interp(time, time[known], column) for column in boxes.T], axis=1)
    first = np.searchsorted(time, time - smooth / 2, side="left")
    last = np.searchsorted(time, time + smooth / 2, side="right")
    sums = np.concatenate([np.zeros((1, path.shape[1])), np.cumsum(path, axis=0)])
    mean: Boxes = (sums[last] - sums[first]) / (last - first)[:, None]
    return mean
