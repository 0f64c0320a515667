"""The corpus index as a file: a small table, one row per trial, the same bytes for the same corpus."""

import csv
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import cast

from pipeline.clips.partition import PARTITIONS, Partition
from pipeline.corpora.trial import Trial
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.files import replacing_file
from pipeline.runtime.names import RULE, name_fault, shorten
from pipeline.runtime.tables import BadRows, read_rows

REBUILD = "run `affectflow index`"
UNUSABLE = "unusable corpus index"
MOST_IMAGES = 99_999
"""The highest number of a crop."""


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
    bad = BadRows(path, REBUILD)
    lines = read_rows(path, bad, what=UNUSABLE)
    if next(lines, None) != (1, list(COLUMNS)):
        message = f"the header is not {','.join(COLUMNS)}"
        raise InputError(UNUSABLE, [Problem(message, file=str(path), row=1, remedy=REBUILD)])
    rows: list[IndexRow] = []
    seen: set[str] = set()
    for number, line in lines:
        fault = _fault(line, seen)
        if fault:
            bad.add(number, fault)
            continue
        seen.add(line[0].lower())
        trial, partition, subject, video, audio, images, annotation, count, digest = line
        place = cast(Partition, partition)
        rows.append(IndexRow(trial, place, subject, video, audio, images, annotation, int(count), digest))
    if bad:
        raise InputError(UNUSABLE, bad.problems())
    return tuple(rows)


def _fault(line: Sequence[str], seen: set[str]) -> str | None:
    """Say what is wrong with a row, or None; `seen` are the trials of earlier rows in lower case."""
    if len(line) != len(COLUMNS):
        return f"{len(line)} columns instead of {len(COLUMNS)}"
    fault = name_fault(line[0])
    if fault:
        return f"trial {fault}: names have {RULE}"
    if line[0].lower() in seen:
        return f"trial {line[0]} a second time"
    if line[1] not in PARTITIONS:
        return f"unknown partition {shorten(line[1])}"
    for column, place in zip(COLUMNS[3:7], line[3:7], strict=True):
        if outside(place):
            return f"{column} {shorten(place)} is not below the corpus' root"
    if not (line[7].isascii() and line[7].isdecimal() and len(line[7]) < 10 and int(line[7]) <= MOST_IMAGES):
        return f"{shorten(line[7])} is no number of images"
    return None if re.fullmatch("[0-9a-f]{64}", line[8]) else f"{shorten(line[8])} is no SHA-256"


def outside(place: str) -> bool:
    """Say whether a path of the index or of a table may leave the corpus' root: absolute, or with `..` in it."""
    path = PurePosixPath(place)
    return path.is_absolute() or ".." in path.parts
