"""The challenge's one-file submission: exactly the rows of its sample file, in its order.

The sample's frame counts are its own and differ from the videos' by a frame or more, so a trial that is too short
repeats its last prediction and one that is too long is cut. Each such repair is recorded, never silent.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.predictions import NUMBER
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import RULE, name_fault, shorten
from pipeline.runtime.tables import BadRows, read_rows

LOCATION = "image_location"
_IMAGE = re.compile(r"(?P<trial>[^/]+)/(?P<number>[0-9]{1,9})\.jpg")

Predictions = Mapping[str, npt.NDArray[np.floating]]


@dataclass(frozen=True)
class Row:
    """One required row: the image as the sample writes it, its trial, and its frame counted from 1."""

    image: str
    trial: str
    frame: int


@dataclass(frozen=True)
class Repair:
    """A trial whose number of predicted frames is not what the sample requires.

    Parameters
    ----------
    trial : name
    predicted : frames predicted
    required : rows of the sample
    repeated : rows that repeat the trial's last prediction
    cut : predicted frames that have no row
    """

    trial: str
    predicted: int
    required: int
    repeated: int
    cut: int


def write_submission(
    path: Path, predictions: Predictions, *, targets: Sequence[str], sample: Path | None = None
) -> list[Repair]:
    """Write the submission and return what had to be repaired.

    Parameters
    ----------
    path : file to write
    predictions : (t, k) per test trial, in the order of the test list
    targets : names of the k columns
    sample : the challenge's sample file; without it, every predicted frame of each trial in the order of `predictions`

    Raises
    ------
    InputError
        If the sample cannot be read, or its trials are not those of `predictions`; all differences are listed.
    """
    if sample is None:
        columns = list(targets)
        rows = [Row(_image(trial, i), trial, i) for trial, one in predictions.items() for i in range(1, len(one) + 1)]
    else:
        columns, rows = read_sample(sample, targets=targets)
        _check_trials(rows, predictions, sample=sample)
    order = [list(targets).index(column) for column in columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join([LOCATION, *columns]) + "\n")
        for row in rows:
            values = predictions[row.trial]
            value = values[min(row.frame, len(values)) - 1]
            file.write(",".join([row.image, *(NUMBER % value[i] for i in order)]) + "\n")
    return repairs(rows, predictions)


def read_sample(path: Path, *, targets: Sequence[str]) -> tuple[list[str], list[Row]]:
    """Read the challenge's sample: its order of the targets and its rows, whose values are ignored.

    Raises
    ------
    InputError
        Lists every row that is not ``<trial>/<number>.jpg`` or names an image twice, and a header without the targets.
    """
    if not path.is_file():
        remedy = "set corpus.sample to the challenge's file, or leave it out"
        raise InputError("the sample submission is missing", [Problem("no such file", file=str(path), remedy=remedy)])
    what = "the sample submission is not usable"
    bad = BadRows(path, "fetch the challenge's file again")
    lines = ((number, [cell.strip() for cell in line]) for number, line in read_rows(path, bad, what=what))
    _, header = next(lines, (1, []))
    if header[:1] != [LOCATION] or sorted(header[1:]) != sorted(targets):
        expected = ",".join([LOCATION, *targets])
        bad.add(1, f"header is {shorten(','.join(header))}, expected {expected!r}")
    rows: list[Row] = []
    first: dict[str, int] = {}
    for number, line in lines:
        if not any(line):
            continue
        image = line[0]
        match = _IMAGE.fullmatch(image)
        fault = name_fault(match["trial"]) if match else None
        if match is None or int(match["number"]) < 1:
            bad.add(number, f"{shorten(image)} is not <trial>/<number from 1>.jpg")
        elif fault:
            bad.add(number, f"trial {fault}: names have {RULE}")
        elif image in first:
            bad.add(number, f"{image} was named in row {first[image]} before")
        else:
            first[image] = number
            rows.append(Row(image, match["trial"], int(match["number"])))
    if bad:
        raise InputError(what, bad.problems())
    return header[1:], rows


def repairs(rows: Sequence[Row], predictions: Predictions) -> list[Repair]:
    """Say for which trials the rows do not match the predicted frames one to one, and by how much."""
    required = {trial: set[int]() for trial in predictions}
    for row in rows:
        required[row.trial].add(row.frame)

    def of(trial: str) -> Repair:
        predicted = len(predictions[trial])
        repeated = sum(frame > predicted for frame in required[trial])
        cut = predicted - (len(required[trial]) - repeated)
        return Repair(trial, predicted, len(required[trial]), repeated, cut)

    return [repair for repair in map(of, predictions) if repair.repeated or repair.cut]


def write_repairs(path: Path, found: Sequence[Repair]) -> None:
    """Write the repairs as CSV, a header alone where there were none."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in fields(Repair)])
        writer.writerows(astuple(repair) for repair in found)


def read_repairs(path: Path) -> list[Repair]:
    """Read what `write_repairs` wrote.

    Raises
    ------
    InputError
        The file is missing, or rows do not hold what they should: each with its line.
    """
    what, bad = "unusable repairs", BadRows(path, "run `dvc repro evaluate`")
    lines = read_rows(path, bad, what=what)
    next(lines, None)
    found: list[Repair] = []
    for number, line in lines:
        if len(line) == len(fields(Repair)) and all(re.fullmatch("[0-9]{1,9}", cell) for cell in line[1:]):
            predicted, required, repeated, cut = map(int, line[1:])
            found.append(Repair(line[0], predicted, required, repeated, cut))
        else:
            bad.add(number, f"{shorten(','.join(line))} is no trial with four numbers")
    if bad:
        raise InputError(what, bad.problems())
    return found


def _image(trial: str, frame: int) -> str:
    return f"{trial}/{frame:05d}.jpg"


def _check_trials(rows: Sequence[Row], predictions: Predictions, *, sample: Path) -> None:
    required = {row.trial for row in rows}

    def problems() -> Iterator[Problem]:
        for trial in sorted(required - predictions.keys()):
            remedy = "add it to the corpus' test list and rebuild the index"
            yield Problem("in the sample, but not predicted", file=str(sample), trial=trial, remedy=remedy)
        for trial in sorted(predictions.keys() - required):
            remedy = "take it off the corpus' test list, or use the sample of this challenge"
            yield Problem("predicted, but not in the sample", file=str(sample), trial=trial, remedy=remedy)

    found = list(problems())
    if found:
        raise InputError("the sample submission and the test trials differ", found)
