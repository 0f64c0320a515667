"""Telling several people in one video apart, by where their faces are: `affectflow predict --face each`.

Nobody is recognised. Tracks (`pipeline.media.tracks`) that follow each other in about the same place and size are taken
for one person, who looked away or was hidden meanwhile; two tracks at the same time are two people. People who change
places while nobody sees them are therefore mixed up.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.media.tracks import CONFIRMED, Boxes, Track, area, interpolate, last, link

REACH = 1.0
"""Distance between the end of a track and the beginning of the next, in sides of the face, within which they are one
person's."""

LARGEST_CHANGE = 2.0
"""Ratio of two faces' sides from which they are two people's."""

SHORTEST = 0.5
"""Seconds that a face must be followed for, in all, to count as a person."""


def follow_each(
    detections: Mapping[int, Boxes], time: NDArray[np.float64], *, bridge: float, smooth: float
) -> list[Boxes]:
    """Return where each person's face is in every frame, who covers most picture area over time first.

    Parameters
    ----------
    detections, time, bridge, smooth : as for `pipeline.media.tracks.follow`

    Returns
    -------
    (t, c) for each person, NaN in frames without the face
    """
    columns = max((found.shape[1] for found in detections.values()), default=3)
    tracks = [track for track in link(detections, time, bridge=bridge) if len(track) >= CONFIRMED]
    people = []
    for person in sorted(_join(tracks), key=lambda person: -sum(map(area, person))):
        boxes = np.full((len(time), columns), np.nan)
        for track in person:
            frames = np.arange(min(track), last(track) + 1)
            boxes[frames] = interpolate(track, time[frames], frames, smooth=smooth)
        if sum(time[last(track)] - time[min(track)] for track in person) >= min(SHORTEST, (time[-1] - time[0]) / 2):
            people.append(boxes)
    return people


def _join(tracks: list[Track]) -> list[list[Track]]:
    """Join each track to the person whose last face is nearest to its first one, if any is near enough."""
    people: list[list[Track]] = []
    for track in sorted(tracks, key=lambda track: (min(track), -area(track))):
        first = track[min(track)]
        near = [(_distance(person[-1], track, first), place) for place, person in enumerate(people)]
        distance, place = min(near, default=(np.inf, 0))
        if distance <= REACH:
            people[place].append(track)
        else:
            people.append([track])
    return people


def _distance(before: Track, track: Track, first: Boxes) -> float:
    """Return how far the end of `before` is from a later track's first face, in sides; infinite where it cannot be."""
    end = before[last(before)]
    sides = sorted((float(end[2]), float(first[2])))
    if last(before) >= min(track) or sides[1] > LARGEST_CHANGE * sides[0]:
        return float(np.inf)
    return float(np.hypot(*(end[:2] - first[:2])) / sides[1])
