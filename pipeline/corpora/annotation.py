"""Annotation files: a header that names the targets, then one row of numbers per video frame.

Row r after the header belongs to frame r. -5 in any column means that nobody annotated the frame: the whole row is then
without a label, whatever the other columns say.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.target import Target
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import shorten
from pipeline.runtime.tables import BadRows, lines_of

UNANNOTATED = -5.0
UNUSABLE = "unusable annotation"
REMEDY = f"write a number in range, or {UNANNOTATED:g} for a frame without annotation"


def parse_annotation(data: bytes, targets: Sequence[Target], *, file: str) -> NDArray[np.float32]:
    """Parse an annotation file to (rows, k) float32 in the order of `targets`, NaN where un-annotated.

    Blank lines at the end are no rows; columns that are no target are ignored.

    Raises
    ------
    InputError
        Lists every bad line by its number in the file: the header, rows that are not numbers, NaN, out of range.
    """
    lines = lines_of(data, file=file, what=UNUSABLE)
    names = [name.strip().lower() for name in lines[0].split(",")] if lines else []
    problems = _check_header(names, targets, file=file)
    if problems:
        raise InputError(UNUSABLE, problems)
    columns = [names.index(target.name.lower()) for target in targets]
    values = np.full((len(lines) - 1, len(targets)), np.nan, dtype=np.float32)
    bad = BadRows(file, REMEDY)
    for row, line in enumerate(lines[1:]):
        try:
            values[row] = _parse_row(line, len(names), columns, targets)
        except ValueError as error:
            bad.add(row + 2, str(error))
            if bad.enough:
                break
    if bad:
        raise InputError(UNUSABLE, bad.problems())
    return values


def _check_header(names: Sequence[str], targets: Sequence[Target], *, file: str) -> list[Problem]:
    expected = ",".join(target.name for target in targets)
    if not names:
        return [Problem("the file is empty", file=file, row=1, remedy=f"begin it with the line {expected}")]
    missing = [target.name for target in targets if target.name.lower() not in names]
    if missing or len(set(names)) < len(names):
        fault = f"no column {', '.join(missing)}" if missing else "a column twice"
        message = f"bad header {shorten(','.join(names))}: {fault}"
        return [Problem(message, file=file, row=1, remedy=f"begin the file with the line {expected}")]
    # An un-annotated row must not look like a label.
    return [
        Problem(f"the mark {UNANNOTATED:g} lies inside the range of {target.name}", file=file, row=1)
        for target in targets
        if target.low <= UNANNOTATED <= target.high
    ]


def _parse_row(line: str, width: int, columns: Sequence[int], targets: Sequence[Target]) -> list[float]:
    fields = line.split(",")
    if len(fields) != width:
        raise ValueError(f"{len(fields)} values where the header names {width}: {shorten(line)}")
    try:
        numbers = [float(fields[column]) for column in columns]
    except ValueError:
        raise ValueError(f"not numbers: {shorten(line)}") from None
    if UNANNOTATED in numbers:
        return [np.nan] * len(numbers)
    for number, target in zip(numbers, targets, strict=True):
        if np.isnan(number):
            raise ValueError(f"{target.name} is NaN")
        if not target.low <= number <= target.high:
            raise ValueError(f"{target.name} {number:g} is outside [{target.low:g}, {target.high:g}]")
    return numbers
