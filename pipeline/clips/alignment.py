"""Bringing labels and crops to the frames that the video really has.

The decoded frames are the time line. Label row r and image r + 1 belong to frame r; where their numbers differ, frames
without a label or a crop are masked, and rows or images without a frame are left out. No frame is dropped. Rows with
times of their own are placed by `pipeline.ingest.placement`.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Alignment:
    """How frame, label and image counts differed and what was done.

    Parameters
    ----------
    frames : decoded video frames
    label_rows : rows of the annotation file, None without one
    images : crops on disk, or faces found in the video
    unannotated : frames whose rows, or those beside them, say that nobody annotated any target
    partly_annotated : frames with labels of some targets only
    label_rows_left_out : rows past the last frame, where rows are counted off
    label_rows_outside : rows at times outside the recording, where rows have times of their own
    labels_missing : frames past the last row of every target, or before the first
    images_left_out : crops past the last frame
    images_missing : frames without a crop
    notes : what reading picture and sound found and mended
    """

    frames: int
    label_rows: int | None
    images: int
    unannotated: int
    partly_annotated: int
    label_rows_left_out: int
    labels_missing: int
    images_left_out: int
    images_missing: int
    label_rows_outside: int = 0
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return {**asdict(self), "notes": list(self.notes)}

    def done(self) -> str:
        """Say in words what was done, or ``"nothing"`` where all counts agree."""
        steps = [
            (self.label_rows_left_out, "label rows past the last frame left out"),
            (self.label_rows_outside, "label rows at times outside the recording"),
            (self.labels_missing if self.label_rows is not None else 0, "frames without a label row masked"),
            (self.unannotated, "frames that nobody annotated masked"),
            (self.partly_annotated, "frames with labels of some targets only"),
            (self.images_left_out, "images past the last frame left out"),
            (self.images_missing, "frames without a face image masked"),
        ]
        words = [f"{count} {what}" for count, what in steps if count]
        return "; ".join([*words, *self.notes]) or "nothing"


def align_labels(labels: NDArray[np.float32] | None, *, frames: int, targets: int) -> NDArray[np.float32]:
    """Cut or extend (rows, k) labels to (frames, k) with NaN; all NaN where there are none."""
    aligned = np.full((frames, targets), np.nan, dtype=np.float32)
    if labels is not None:
        used = min(frames, len(labels))
        aligned[:used] = labels[:used]
    return aligned


def describe(
    labels: NDArray[np.float32] | None, numbers: Collection[int], *, frames: int, notes: tuple[str, ...] = ()
) -> Alignment:
    """Count the disagreements.

    Parameters
    ----------
    labels : (rows, k), or None without an annotation
    numbers : the crops' numbers, from 1
    frames : how many frames were decoded
    """
    rows = None if labels is None else len(labels)
    within = sum(number <= frames for number in numbers)
    missing = np.isnan(np.zeros((0, 1)) if labels is None else labels[:frames])
    return Alignment(
        frames=frames,
        label_rows=rows,
        images=len(numbers),
        unannotated=int(missing.all(axis=1).sum()),
        partly_annotated=int((missing.any(axis=1) & ~missing.all(axis=1)).sum()),
        label_rows_left_out=max(0, (rows or 0) - frames),
        labels_missing=max(0, frames - (rows or 0)),
        images_left_out=len(numbers) - within,
        images_missing=frames - within,
        notes=notes,
    )
