"""The tables beside the clips: which there are, how their sources were aligned, and which trials were refused."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

from pipeline.clips.alignment import Alignment
from pipeline.clips.further_datasets import content_of
from pipeline.clips.partition import PARTITIONS, Partition
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import RULE, name_fault, shorten
from pipeline.runtime.tables import BadRows, read_rows

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
    labels : SHA-256 over the labels alone
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
    labels: str
    further: str = ""

    def content(self, datasets: Iterable[str]) -> str:
        """Return what identifies the parts of the clip that a feature of these `datasets` depends on."""
        return content_of(self.media, self.further, datasets)

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any]) -> "ManifestRow":
        """Take the row from what `pipeline.ingest.build.summarise` wrote."""
        return cls(**{field.name: summary[field.name] for field in fields(cls)})


COLUMNS = tuple(field.name for field in fields(ManifestRow))
NUMBERS: dict[str, type[float] | type[int]] = {
    "fps": float,
    "frames": int,
    "labelled": int,
    "faces": int,
    "duration": float,
}
"""The columns that hold numbers."""


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Write the manifest, sorted by trial."""
    ordered = sorted(rows, key=lambda row: row.trial)
    _write(path, COLUMNS, ([_text(value) for value in astuple(row)] for row in ordered))


def read_manifest(path: Path) -> tuple[ManifestRow, ...]:
    """Read the manifest that `write_manifest` wrote.

    Raises
    ------
    InputError
        It is missing or not of this version, or rows do not hold what they should: each with its line.
    """
    remedy, what = "run `dvc repro clips`", "unusable manifest"
    if not path.is_file():
        raise InputError("no clips", [Problem("missing", file=str(path), remedy=remedy)])
    bad = BadRows(path, remedy)
    lines = read_rows(path, bad, what=what)
    if next(lines, None) != (1, list(COLUMNS)):
        message = f"the header is not {','.join(COLUMNS)}"
        raise InputError(what, [Problem(message, file=str(path), row=1, remedy=remedy)])
    rows: dict[str, ManifestRow] = {}
    for number, line in lines:
        try:
            row = _row(line)
            if row.trial in rows:
                raise ValueError(f"trial {row.trial} a second time")
            rows[row.trial] = row
        except ValueError as error:
            bad.add(number, str(error))
    if bad:
        raise InputError(what, bad.problems())
    return tuple(rows.values())


def _row(line: Sequence[str]) -> ManifestRow:
    if len(line) != len(COLUMNS):
        raise ValueError(f"{len(line)} columns instead of {len(COLUMNS)}")
    cells = dict(zip(COLUMNS, line, strict=True))
    fault = name_fault(cells["trial"])
    if fault:
        raise ValueError(f"trial {fault}: names have {RULE}")
    if cells["partition"] not in PARTITIONS:
        raise ValueError(f"unknown partition {shorten(cells['partition'])}")
    numbers = {name: _number(name, cells[name], kind) for name, kind in NUMBERS.items()}
    return ManifestRow(**{**cells, **numbers})  # type: ignore[arg-type]  # each is of its column's type


def _number(name: str, text: str, kind: type[float] | type[int]) -> float:
    try:
        number = kind(text) if len(text) < 30 else float("nan")
    except ValueError:
        number = float("nan")
    if not isfinite(number) or number < 0:
        raise ValueError(f"{name} {shorten(text)} is no number from 0")
    return number


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
