"""Gold-standard files of the AVEC challenges: one target per file, 25 rows per second, ARFF as released or CSV.

@relation GOLDSTANDARD
@attribute Instance_name string
@attribute frameTime numeric
@attribute GoldStandard numeric
@data
'train_1',0.00,0.0612
"""

from collections.abc import Sequence

import numpy as np

from pipeline.clips.target import Target
from pipeline.corpora.ratings import UNUSABLE, Ratings, parse_rows
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import shorten
from pipeline.runtime.tables import lines_of

PERIOD = 0.04
"""Seconds between two rows of a file without a column of times; the first row stands at 0."""

VALUE = "goldstandard"
"""Name of the column with the ratings, in lower case; the target's own name is understood too."""


def parse_gold_standard(data: bytes, target: Target, *, file: str) -> Ratings:
    """Parse one target's file, which is ARFF where its first line is a keyword such as ``@relation``.

    A CSV file has a header that names the ratings ``GoldStandard`` or after the target, and may name a column ``time``
    or ``frameTime`` (s); a file of one number per line needs no header. Other columns are ignored.

    Raises
    ------
    InputError
        Lists every bad line by its number in the file.
    """
    lines = lines_of(data, file=file, what=UNUSABLE)
    arff = next((line for line in lines if line.strip() and not line.startswith("%")), "").lstrip().startswith("@")
    names, first, delimiter = _arff_header(lines, file=file) if arff else _csv_header(lines, target)
    # Both names mean the target; the parser of rows knows it by its own.
    names = [target.name.lower() if name == VALUE else name for name in names]
    if names.count(target.name.lower()) != 1:
        columns = shorten(", ".join(names))
        message = f"columns {columns}: one of them must be GoldStandard or {target.name}"
        raise InputError(UNUSABLE, [Problem(message, file=file, row=1, remedy="name the column of ratings")])
    (ratings,) = parse_rows(lines[first:], names, [target], file=file, first=first + 1, delimiter=delimiter)
    if ratings.time is None:
        return Ratings(ratings.values, PERIOD * np.arange(len(ratings.values), dtype=np.float64))
    return ratings


def _arff_header(lines: Sequence[str], *, file: str) -> tuple[list[str], int, str]:
    """Return the attributes in lower case, how many lines come before the data, and what parts its values."""
    names: list[str] = []
    for number, line in enumerate(lines):
        words = line.split()
        keyword = words[0].lower() if words else ""
        if keyword == "@attribute" and len(words) > 1:
            names.append(words[1].strip("'\"").lower())
        if keyword == "@data":
            blank = next((count for count, row in enumerate(lines[number + 1 :]) if row.strip()), 0)
            return names, number + 1 + blank, ","
    problem = Problem("an ARFF file without @data", file=file, row=len(lines), remedy="copy the file again")
    raise InputError(UNUSABLE, [problem])


def _csv_header(lines: Sequence[str], target: Target) -> tuple[list[str], int, str]:
    header = lines[0] if lines else ""
    try:
        float(header)
    except ValueError:
        delimiter = ";" if ";" in header else ","
        return [name.strip().strip("'\"").lower() for name in header.split(delimiter)], 1, delimiter
    return [target.name.lower()], 0, ","
