"""The CCC table, folds x targets with mean and SDs, beside the published numbers: one structure, four formats."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.evaluation.metrics import mean_and_sd, sd_over_repeats
from pipeline.report.significance import Difference, Interval
from pipeline.report.typeset import RULE, booktabs, escape, number, pipe_table

P = "P"
"""Name of the figure that summarises the targets: their mean CCC."""

READING = "A published number stands in parentheses beside the figure that it compares with: a fold's, or the mean."
"""Below the table in Markdown and LaTeX, where there is any such number."""


@dataclass(frozen=True)
class Line:
    """One model's CCC on one target, or its P.

    Parameters
    ----------
    model, figure : what was measured; `figure` is a target or ``P``
    values : by fold, one for each of its repeats
    interval : bootstrap interval of the mean
    published : the published number that the mean compares with, if the paper printed one
    published_folds : those that single folds compare with, by fold
    members : of an ensemble, the models that it is made of
    """

    model: str
    figure: str
    values: Mapping[int, Sequence[float]]
    interval: Interval
    published: float | None = None
    published_folds: Mapping[int, float] = field(default_factory=dict)
    members: tuple[str, ...] = ()

    @property
    def repeats(self) -> int:
        """How often each fold was trained."""
        return len(next(iter(self.values.values())))

    @property
    def folds(self) -> dict[int, float]:
        """Mean over repeats, by fold."""
        return {fold: float(np.mean(of_fold)) for fold, of_fold in self.values.items()}

    @property
    def mean(self) -> float:
        """Mean over folds of the mean over repeats."""
        return mean_and_sd(list(self.folds.values()))[0]

    @property
    def sd(self) -> float:
        """Sample standard deviation over folds of the mean over repeats."""
        return mean_and_sd(list(self.folds.values()))[1]

    @property
    def sd_repeats(self) -> float | None:
        """Sample standard deviation over repeats of the mean over folds; None where each fold was trained once."""
        return sd_over_repeats(list(self.values.values()))


@dataclass(frozen=True)
class CccTable:
    """All lines, model by model, and what a reader must know before comparing them (`note`)."""

    lines: tuple[Line, ...]
    note: str

    def __post_init__(self) -> None:
        if not self.lines:
            raise ValueError("a table needs at least one line")

    @property
    def folds(self) -> tuple[int, ...]:
        """Every fold that occurs."""
        return tuple(sorted({fold for line in self.lines for fold in line.folds}))

    @property
    def repeated(self) -> bool:
        """Whether any model was trained with several seeds."""
        return any(line.repeats > 1 for line in self.lines)

    @property
    def compared(self) -> bool:
        """Whether any figure has a published number beside it."""
        return any(line.published is not None or line.published_folds for line in self.lines)

    def best(self, line: Line) -> bool:
        """Whether no other model has a higher mean on the line's figure."""
        return line.mean >= max(other.mean for other in self.lines if other.figure == line.figure)


def to_csv(table: CccTable) -> str:
    """Write one row per model and figure; empty where nothing was measured or published."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    header = ["model", "figure", *(f"fold_{fold}" for fold in table.folds), "mean", "sd", "sd_repeats"]
    header += ["low_95", "high_95", "published", *(f"published_fold_{fold}" for fold in table.folds)]
    writer.writerow([*header, "repeats", "members"])
    for line in table.lines:
        numbers = [*_of_folds(table, line.folds), line.mean, line.sd, line.sd_repeats]
        numbers += [line.interval.low, line.interval.high, line.published, *_of_folds(table, line.published_folds)]
        cells = ["" if n is None else f"{n:.6f}" for n in numbers]
        writer.writerow([line.model, line.figure, *cells, line.repeats, " + ".join(line.members)])
    return buffer.getvalue()


def to_json(table: CccTable, differences: Sequence[Difference] = ()) -> str:
    """Write the whole structure, and the paired differences, with numbers as numbers."""
    lines = [
        {
            "model": line.model,
            "figure": line.figure,
            "folds": {str(fold): _rounded(value) for fold, value in line.folds.items()},
            "mean": _rounded(line.mean),
            "sd": _rounded(line.sd),
            "sd_repeats": _rounded(line.sd_repeats),
            "repeats": line.repeats,
            "interval_95": [_rounded(line.interval.low), _rounded(line.interval.high)],
            "published": _rounded(line.published),
            "published_folds": {str(fold): _rounded(value) for fold, value in line.published_folds.items()},
            "members": list(line.members),
        }
        for line in table.lines
    ]
    pairs = [
        {
            "first": one.first,
            "second": one.second,
            "figure": one.figure,
            "difference": _rounded(one.value),
            "interval_95": [_rounded(one.interval.low), _rounded(one.interval.high)],
            "excludes_zero": one.clear,
        }
        for one in differences
    ]
    # Lists alone: `dvc metrics show`, to which this file is one of the metrics, then leaves it out.
    whole = {"notes": [table.note], "lines": lines, "differences": pairs}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def to_markdown(table: CccTable) -> str:
    """Write a pipe table; the best mean of each figure is bold."""
    rows = []
    for line in table.lines:
        cells = _cells(table, line)
        if table.best(line):
            cells[len(table.folds)] = f"**{cells[len(table.folds)]}**"
        rows.append([line.model, line.figure, *cells])
    return f"{pipe_table(_header(table), rows, names=2)}\n\n{_note(table)}\n"


def to_latex(table: CccTable) -> str:
    """Write a table float for a document that loads booktabs; the best mean of each figure is bold."""
    rows: list[Sequence[str] | str] = []
    previous = None
    for line in table.lines:
        if previous not in (None, line.model):
            rows.append(RULE)
        cells = [escape(cell) for cell in _cells(table, line)]
        if table.best(line):
            cells[len(table.folds)] = rf"\textbf{{{cells[len(table.folds)]}}}"
        rows.append([escape(line.model) if line.model != previous else "", escape(line.figure), *cells])
        previous = line.model
    caption = f"CCC on the held-out trials of each fold. {_note(table)}"
    header = [escape(cell) for cell in _header(table)]
    return "% needs \\usepackage{booktabs}\n" + booktabs(header, rows, names=2, caption=caption, label="tab:ccc")


def _header(table: CccTable) -> list[str]:
    spread = ["SD over repeats"] if table.repeated else []
    return ["model", "target", *(f"fold {fold}" for fold in table.folds), "mean ± SD", *spread, "95 % interval"]


def _cells(table: CccTable, line: Line) -> list[str]:
    published = _of_folds(table, line.published_folds)
    return [
        *(_beside(number(value), other) for value, other in zip(_of_folds(table, line.folds), published, strict=True)),
        _beside(f"{number(line.mean)} ± {number(line.sd)}", line.published),
        *([number(line.sd_repeats)] if table.repeated else []),
        f"[{number(line.interval.low)}, {number(line.interval.high)}]",
    ]


def _beside(ours: str, published: float | None) -> str:
    return ours if published is None else f"{ours} ({number(published)})"


def _note(table: CccTable) -> str:
    return f"{READING} {table.note}" if table.compared else table.note


def _of_folds(table: CccTable, values: Mapping[int, float]) -> list[float | None]:
    return [values.get(fold) for fold in table.folds]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
