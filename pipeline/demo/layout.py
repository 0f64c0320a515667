"""Where a corpus in Aff-Wild2's layout keeps what, and how its text files are written."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

ANNOTATIONS = {"train": "annotations/VA_Set/Train_Set", "validation": "annotations/VA_Set/Validation_Set"}
TEST_LIST = "annotations/VA_Set/Test_Set/Valence_Arousal_Estimation_Challenge_test_set_release.txt"
CROPS = "cropped_aligned"
VIDEOS = "raw_videos"
SAMPLE = "sample.txt"
"""The challenge's sample submission, beside the folders: it names every row that a submission must have."""
TEST_TRUTH = "test_truth"
"""Labels of the test trials. Aff-Wild2 has no such folder, and no reader of its layout looks there."""
SEGMENTS = "useless_segments.csv"


def image_path(trial: str, number: int) -> str:
    """Path of a trial's image, whose `number` counts from 1."""
    return f"{trial}/{number:05d}.jpg"


def video_path(root: Path, video: str) -> Path:
    """Path of a video."""
    return root / VIDEOS / f"{video}.mp4"


def annotation_path(root: Path, partition: str, trial: str) -> Path:
    """Path of a trial's labels; those of the test partition lie outside of the annotations."""
    return root / ANNOTATIONS.get(partition, TEST_TRUTH) / f"{trial}.txt"


def write_annotation(path: Path, labels: npt.NDArray[np.float64]) -> None:
    """Write one row per frame under the header `valence,arousal`; -5 stands alone, as in Aff-Wild2."""
    rows = (",".join("-5" if value == -5 else f"{value:.4f}" for value in row) for row in labels)
    _write_lines(path, ["valence,arousal", *rows])


def write_test_list(root: Path, trials: Iterable[str]) -> None:
    """Write the names of the test trials, one per line."""
    _write_lines(root / TEST_LIST, trials)


def write_sample(root: Path, lengths: Iterable[tuple[str, int]]) -> None:
    """Write the sample submission for (trial, frames) pairs; its values are placeholders."""
    rows = (f"{image_path(trial, number)},0,0" for trial, count in lengths for number in range(1, count + 1))
    _write_lines(root / SAMPLE, ["image_location,valence,arousal", *rows])


def write_segments(root: Path, rows: Iterable[tuple[str, str, str, int, int]]) -> None:
    """Write (trial, modality, kind, start_frame, end_frame) rows; frames count from 0, the end is excluded."""
    lines = (",".join(map(str, row)) for row in rows)
    _write_lines(root / SEGMENTS, ["trial,modality,kind,start_frame,end_frame", *lines])


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
