import csv
import json
import re
from collections.abc import Mapping

import numpy as np
import pytest

from pipeline.report.significance import Interval
from pipeline.report.tables import CccTable, Line, to_csv, to_json, to_latex, to_markdown
from pipeline.report.typeset import number


def line(
    model: str,
    figure: str,
    folds: Mapping[int, float],
    published: float | None = None,
    members: tuple[str, ...] = (),
) -> Line:
    interval = Interval(min(folds.values()) - 0.1, max(folds.values()) + 0.1)
    return Line(model, figure, folds, interval, published, members)


TABLE = CccTable(
    lines=(
        line("visual_50%", "valence", {0: 0.1, 1: 0.3}, 0.405),
        line("visual_50%", "P", {0: 0.1, 1: -0.25}),
        line("grjca", "valence", {0: 0.6, 2: 0.5}, 0.623),
        line("grjca", "P", {0: 0.6, 2: 0.5}, members=("a", "b")),
    ),
    note="Weights are random & so on; 95 % ± 1.",
)


def test_mean_and_sample_sd() -> None:
    assert TABLE.lines[0].mean == pytest.approx(0.2)
    assert TABLE.lines[0].sd == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert TABLE.folds == (0, 1, 2)
    assert [TABLE.best(one) for one in TABLE.lines] == [False, False, True, True]
    with pytest.raises(ValueError, match="at least one line"):
        CccTable(lines=(), note="")


def test_all_formats_hold_the_same_numbers() -> None:
    rows = list(csv.DictReader(to_csv(TABLE).splitlines()))
    lines = json.loads(to_json(TABLE))["lines"]
    markdown = [
        [cell.strip().strip("*") for cell in row.strip("|").split("|")] for row in to_markdown(TABLE).splitlines()[2:6]
    ]
    latex = [
        re.split(r"\s*&\s*", re.sub(r"\\textbf\{(.*)\}", r"\1", row.strip().removesuffix(r" \\")))
        for row in to_latex(TABLE).splitlines()
        if row.count("&") == 7
    ][1:]
    assert len(rows) == len(lines) == len(markdown) == len(latex) == 4
    for given, row, entry, marked, tex in zip(TABLE.lines, rows, lines, markdown, latex, strict=True):
        assert (row["model"], row["figure"]) == (entry["model"], entry["figure"]) == (given.model, given.figure)
        assert marked[:2] == [given.model, given.figure]
        for fold in TABLE.folds:
            value = given.folds.get(fold)
            assert row[f"fold_{fold}"] == ("" if value is None else f"{value:.6f}")
            assert entry["folds"].get(str(fold)) == value
            assert marked[2 + fold] == number(value)
            assert tex[2 + fold].replace("--", "–").replace("$-$", "−").strip() == number(value)
        assert float(row["mean"]) == entry["mean"] == round(given.mean, 6)
        assert float(row["sd"]) == entry["sd"] == round(given.sd, 6)
        assert entry["interval_95"] == [float(row["low_95"]), float(row["high_95"])]
        assert marked[5] == f"{number(given.mean)} ± {number(given.sd)}"
        assert tex[5].replace("$-$", "−") == marked[5].replace("±", r"$\pm$")
        assert entry["published"] == given.published == (float(row["published"]) if row["published"] else None)
        assert marked[7] == number(given.published)
        assert row["members"].split(" + ") == (entry["members"] or [""]) == (list(given.members) or [""])


def test_latex_is_well_formed_and_escaped() -> None:
    text = to_latex(TABLE)
    assert r"visual\_50\%" in text
    assert r"random \& so on; 95 \% $\pm$ 1." in text
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
    (columns,) = (len(found) for found in re.findall(r"\\begin\{tabular\}\{(\w+)\}", text))
    body = [row for row in text.splitlines() if row.endswith(r"\\")]
    assert len(body) == 5
    assert {len(re.split(r"(?<!\\)&", row)) for row in body} == {columns} == {8}
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert text.isascii()
