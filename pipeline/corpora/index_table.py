"""The corpus index as a file: a small table, one row per trial, the same bytes for the same corpus."""

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import cast

from pipeline.clips.partition import PARTITIONS, Partition
from pipeline.corpora.trial import Trial
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.files import replacing_file

REBUILD = "run `affectflow index`"


@dataclass(frozen=True)
class IndexRow:
    """One trial; paths are relative to the corpus root, with forward slashes, and empty where there is none."""

    trial: str
    partition: Partition
    subject: str
    video: str
    audio: str
    images: str
    annotation: str
    n_images: int
    digest: str

    def locate(self, root: Path) -> Trial:
        """Return the trial with its files under `root`."""
        return Trial(
            trial=self.trial,
            partition=self.partition,
            subject=self.subject,
            video=root / self.video,
            images=root / self.images if self.images else None,
            annotation=root / self.annotation if self.annotation else None,
            audio=root / self.audio if self.audio else None,
        )


COLUMNS = tuple(field.name for field in fields(IndexRow))


def write_index(path: Path, rows: Sequence[IndexRow]) -> None:
    """Write the index: the same rows give the same bytes, and an unfinished file is never seen."""
    with replacing_file(path) as fresh, fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(astuple(row) for row in sorted(rows, key=lambda row: row.trial))


def read_index(path: Path) -> tuple[IndexRow, ...]:
    """Read the index that `write_index` wrote.

    Raises
    ------
    InputError
        The file is missing, or rows do not hold what they should: each with its line.
    """
    if not path.is_file():
        raise InputError("no corpus index", [Problem("missing", file=str(path), remedy=REBUILD)])
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    if not lines or tuple(lines[0]) != COLUMNS:
        message = f"the header is not {','.join(COLUMNS)}"
        raise InputError("unusable corpus index", [Problem(message, file=str(path), row=1, remedy=REBUILD)])
    rows: list[IndexRow] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, line in enumerate(lines[1:], start=2):
        fault = _fault(line, seen)
        if fault:
            problems.append(Problem(fault, file=str(path), row=number, remedy=REBUILD))
            continue
        seen.add(line[0])
        trial, partition, subject, video, audio, images, annotation, count, digest = line
        place = cast(Partition, partition)
        rows.append(IndexRow(trial, place, subject, video, audio, images, annotation, int(count), digest))
    if problems:
        raise InputError("unusable corpus index", problems)
    return tuple(rows)


def _fault(line: Sequence[str], seen: set[str]) -> str | None:
    if len(line) != len(COLUMNS):
        return f"{len(line)} columns instead of {len(COLUMNS)}"
    if line[0] in seen:
        return f"trial {line[0]} a second time"
    if line[1] not in PARTITIONS:
        return f"unknown partition {line[1]!r}"
    return None if line[7].isdecimal() else f"{line[7]!r} is no number of images"
