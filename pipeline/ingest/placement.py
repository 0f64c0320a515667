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
    """
    frames = len(time)
    if labels is None or not labels.timed:
        rows = None if labels is None else np.stack([ratings.values for ratings in labels.ratings], axis=1)
        values = align_labels(rows, frames=frames, targets=len(targets))
        return values, describe(rows, numbers, frames=frames, notes=notes)
    values = labels.at_frames(time)
    covered = labels.covers(time)
    delays = zip(targets, labels.delays, strict=True)
    moved = ", ".join(f"{target.name} {delay:g} s earlier" for target, delay in delays if delay)
    record = replace(
        describe(values, numbers, frames=frames, notes=(*notes, *([f"labels moved: {moved}"] if moved else []))),
        label_rows=labels.rows,
        unannotated=int((np.isnan(values).all(axis=1) & covered).sum()),
        labels_missing=int((~covered).sum()),
    )
    return values, record
