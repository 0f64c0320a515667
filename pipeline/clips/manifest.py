"""The tables beside the clips: which there are, how their sources were aligned, and which trials were refused."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.clips.alignment import Alignment
from pipeline.clips.further_datasets import content_of
from pipeline.clips.partition import Partition
from pipeline.runtime.errors import InputError, Problem

MANIFEST, ALIGNMENT, REJECTED = "manifest.csv", "alignment.csv", "rejected.csv"


@dataclass(frozen=True)
class ManifestRow:
    """One clip.

    Parameters
    ----------
    trial, partition, subject : as in the corpus index
    fps : mean frames per second
    frames : how many there are
    labelled : frames with a label
    faces : frames with a face
    duration : of the sound, s
    digest : SHA-256 over the clip's whole content
    media : SHA-256 over what is seen and heard alone: features depend on it and not on labels
    further : SHA-256 of each further dataset, as `pipeline.clips.further_datasets` writes them
    """

    trial: str
    partition: Partition
    subject: str
    fps: float
    frames: int
    labelled: int
    faces: int
    duration: float
    digest: str
    media: str
    further: str = ""

    def content(self, datasets: Iterable[str]) -> str:
        """Return what identifies the parts of the clip that a feature of these `datasets` depends on."""
        return content_of(self.media, self.further, datasets)

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any]) -> "ManifestRow":
        """Take the row from what `pipeline.ingest.build.summarise` wrote."""
        return cls(**{field.name: summary[field.name] for field in fields(cls)})


COLUMNS = tuple(field.name for field in fields(ManifestRow))


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Write the manifest, sorted by trial."""
    ordered = sorted(rows, key=lambda row: row.trial)
    _write(path, COLUMNS, ([_text(value) for value in astuple(row)] for row in ordered))


def read_manifest(path: Path) -> tuple[ManifestRow, ...]:
    """Read the manifest that `write_manifest` wrote.

    Raises
    ------
    InputError
        It is missing or not of this version.
    """
    remedy = "run `dvc repro clips`"
    if not path.is_file():
        raise InputError("no clips", [Problem("missing", file=str(path), remedy=remedy)])
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    if not lines or tuple(lines[0]) != COLUMNS:
        message = f"the header is not {','.join(COLUMNS)}"
        raise InputError("unusable manifest", [Problem(message, file=str(path), row=1, remedy=remedy)])
    kinds = {"fps": float, "duration": float, "frames": int, "labelled": int, "faces": int}
    return tuple(
        ManifestRow(**{name: kinds.get(name, str)(value) for name, value in zip(COLUMNS, line, strict=True)})
        for line in lines[1:]
    )


def write_alignment(path: Path, alignments: Mapping[str, Mapping[str, Any]]) -> None:
    """Write one row per trial: the counts, and in words what was done where they differ."""
    rows = []
    for trial, record in sorted(alignments.items()):
        known = {field.name: record[field.name] for field in fields(Alignment)}
        alignment = Alignment(**{**known, "notes": tuple(record["notes"])})
        rows.append([trial, alignment.frames, _text(alignment.label_rows), alignment.images, alignment.done()])
    _write(path, ("trial", "frames", "label_rows", "images", "done"), rows)


def write_rejected(path: Path, problems: Mapping[str, Sequence[Problem]]) -> None:
    """Write one row per problem of each trial that was refused; only the header where none was."""
    rows = [
        [trial, problem.file or "", _text(problem.row), problem.message, problem.remedy or ""]
        for trial, found in sorted(problems.items())
        for problem in found
    ]
    _write(path, ("trial", "file", "row", "message", "remedy"), rows)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _text(value: object) -> str:
    """Six digits are a microsecond: enough, and the same wherever it is printed."""
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)
