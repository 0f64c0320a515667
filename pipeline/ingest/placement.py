"""Labels on the frames of a clip, by number as in Aff-Wild2 or by time, and the record of how counts differed.

It stands apart from `pipeline.clips.alignment`, which everything that reads the clips' tables imports.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.alignment import Alignment, align_labels, describe
from pipeline.clips.target import Target
from pipeline.corpora.labels import Labels
from pipeline.runtime.errors import InputError, Problem


def place_labels(
    labels: Labels | None,
    time: NDArray[np.float64],
    *,
    targets: Sequence[Target],
    numbers: Collection[int],
    notes: tuple[str, ...] = (),
) -> tuple[NDArray[np.float32], Alignment]:
    """Return the label of every frame, (t, k), and how counts differed.

    Parameters
    ----------
    labels : None without an annotation
    time : (t,) s, when the frames are shown
    numbers : the crops' numbers, from 1
    notes : what reading picture and sound found and mended

    Raises
    ------
    InputError
        Most rows of a file stand at times outside the recording.
    """
    frames = len(time)
    if labels is None or not labels.timed:
        rows = None if labels is None else np.stack([ratings.values for ratings in labels.ratings], axis=1)
        values = align_labels(rows, frames=frames, targets=len(targets))
        return values, describe(rows, numbers, frames=frames, notes=notes)
    values = labels.at_frames(time)
    covered = labels.covers(time)
    counted = [len(ratings.values) for ratings in labels.ratings if ratings.time is None]
    delays = zip(targets, labels.delays, strict=True)
    moved = ", ".join(f"{target.name} {delay:g} s earlier" for target, delay in delays if delay)
    record = replace(
        describe(values, numbers, frames=frames, notes=(*notes, *([f"labels moved: {moved}"] if moved else []))),
        label_rows=labels.rows,
        unannotated=int((np.isnan(values).all(axis=1) & covered).sum()),
        label_rows_left_out=max(0, max(counted, default=0) - frames),
        label_rows_outside=_rows_outside(labels, time),
        labels_missing=int((~covered).sum()),
    )
    return values, record


def _rows_outside(labels: Labels, time: NDArray[np.float64]) -> int:
    """Count the rows of a target at times outside the recording: the most that a target has."""
    end = float(time[-1] + np.median(np.diff(time))) if len(time) > 1 else float(time.max(initial=0.0))
    counts = [ratings.outside(end, delay=delay) for ratings, delay in zip(labels.ratings, labels.delays, strict=True)]
    problems: dict[Problem, None] = {}
    for place, (ratings, count) in enumerate(zip(labels.ratings, counts, strict=True)):
        if ratings.time is not None and 2 * count > len(ratings.time):
            first, last = ratings.time[0], ratings.time[-1]
            message = (
                f"{count} of {len(ratings.time)} label rows, from {first:g} to {last:g} s, lie outside the recording, "
                f"which ends at {end:.2f} s"
            )
            remedy = "give times in seconds (milliseconds divided by 1000), or name the label file of this video"
            problems[Problem(message, file=labels.files[place] if labels.files else None, remedy=remedy)] = None
    if problems:
        raise InputError("unusable labels", list(problems))
    return max(counts)
