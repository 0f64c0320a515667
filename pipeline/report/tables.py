"""The CCC table, folds x targets with mean and SD beside the published number: one structure, four formats."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluation.metrics import mean_and_sd
from pipeline.report.significance import Difference, Interval
from pipeline.report.typeset import RULE, booktabs, escape, number, pipe_table

P = "P"
"""Name of the figure that summarises the targets: their mean CCC."""


@dataclass(frozen=True)
class Line:
    """One model's CCC on one target, or its P.

    Parameters
    ----------
    model, figure : what was measured; `figure` is a target or ``P``
    folds : value by fold
    interval : bootstrap interval of the mean
    published : the number it is compared with, if the paper printed one
    members : of an ensemble, the models that it is made of
    """

    model: str
    figure: str
    folds: Mapping[int, float]
    interval: Interval
    published: float | None = None
    members: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean over folds."""
        return mean_and_sd(list(self.folds.values()))[0]

    @property
    def sd(self) -> float:
        """Sample standard deviation over folds."""
        return mean_and_sd(list(self.folds.values()))[1]


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

    def best(self, line: Line) -> bool:
        """Whether no other model has a higher mean on the line's figure."""
        return line.mean >= max(other.mean for other in self.lines if other.figure == line.figure)


def to_csv(table: CccTable) -> str:
    """Write one row per model and figure; empty where nothing was measured or published."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    folds = [f"fold_{fold}" for fold in table.folds]
    writer.writerow(["model", "figure", *folds, "mean", "sd", "low_95", "high_95", "published", "members"])
    for line in table.lines:
        numbers = [*_of_folds(table, line), line.mean, line.sd, line.interval.low, line.interval.high, line.published]
        cells = ["" if n is None else f"{n:.6f}" for n in numbers]
        writer.writerow([line.model, line.figure, *cells, " + ".join(line.members)])
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
            "interval_95": [_rounded(line.interval.low), _rounded(line.interval.high)],
            "published": _rounded(line.published),
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
    whole = {"note": table.note, "lines": lines, "differences": pairs}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def to_markdown(table: CccTable) -> str:
    """Write a pipe table; the best mean of each figure is bold."""
    rows = []
    for line in table.lines:
        cells = _cells(table, line)
        if table.best(line):
            cells[-3] = f"**{cells[-3]}**"
        rows.append([line.model, line.figure, *cells])
    return f"{pipe_table(_header(table), rows, names=2)}\n\n{table.note}\n"


def to_latex(table: CccTable) -> str:
    """Write a table float for a document that loads booktabs; the best mean of each figure is bold."""
    rows: list[Sequence[str] | str] = []
    previous = None
    for line in table.lines:
        if previous not in (None, line.model):
            rows.append(RULE)
        cells = [escape(cell) for cell in _cells(table, line)]
        if table.best(line):
            cells[-3] = rf"\textbf{{{cells[-3]}}}"
        rows.append([escape(line.model) if line.model != previous else "", escape(line.figure), *cells])
        previous = line.model
    caption = f"CCC on the held-out trials of each fold. {table.note}"
    header = [escape(cell) for cell in _header(table)]
    return "% needs \\usepackage{booktabs}\n" + booktabs(header, rows, names=2, caption=caption, label="tab:ccc")


def _header(table: CccTable) -> list[str]:
    return ["model", "target", *(f"fold {fold}" for fold in table.folds), "mean ± SD", "95 % interval", "published"]


def _cells(table: CccTable, line: Line) -> list[str]:
    return [
        *(number(value) for value in _of_folds(table, line)),
        f"{number(line.mean)} ± {number(line.sd)}",
        f"[{number(line.interval.low)}, {number(line.interval.high)}]",
        number(line.published),
    ]


def _of_folds(table: CccTable, line: Line) -> Sequence[float | None]:
    return [line.folds.get(fold) for fold in table.folds]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
