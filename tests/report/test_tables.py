import csv
import json
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from pipeline.report.significance import Interval
from pipeline.report.tables import READING, CccTable, Line, to_csv, to_json, to_latex, to_markdown
from pipeline.report.typeset import number


def line(
    model: str,
    figure: str,
    values: Mapping[int, Sequence[float]],
    published: float | None = None,
    published_folds: Mapping[int, float] | None = None,
    members: tuple[str, ...] = (),
) -> Line:
    every = [value for of_fold in values.values() for value in of_fold]
    interval = Interval(min(every) - 0.1, max(every) + 0.1)
    return Line(model, figure, values, interval, published, published_folds or {}, members)


NOTE = "Weights are random & so on; 95 % ± 1."
TABLE = CccTable(
    lines=(
        line("visual_50%", "valence", {0: (0.1,), 1: (0.3,)}, published_folds={0: 0.405}),
        line("visual_50%", "P", {0: (0.1,), 1: (-0.25,)}),
        line("grjca", "valence", {0: (0.6,), 2: (0.5,)}, 0.623, {0: 0.6, 2: 0.7}),
        line("grjca", "P", {0: (0.6,), 2: (0.5,)}, members=("a", "b")),
    ),
    note=NOTE,
)
REPEATED = CccTable(
    lines=(*TABLE.lines, line("twice", "valence", {0: (0.1, 0.3), 1: (0.5, 0.6), 2: (0.3, 0.6)}, 0.4)),
    note=NOTE,
)
both = pytest.mark.parametrize("table", [TABLE, REPEATED], ids=["once", "repeated"])


def test_mean_and_sample_sd() -> None:
    assert TABLE.lines[0].mean == pytest.approx(0.2)
    assert TABLE.lines[0].sd == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert TABLE.folds == (0, 1, 2)
    assert [TABLE.best(one) for one in TABLE.lines] == [False, False, True, True]
    with pytest.raises(ValueError, match="at least one line"):
        CccTable(lines=(), note="")


def test_repeats_are_averaged_within_their_fold_and_spread_on_their_own() -> None:
    twice = REPEATED.lines[-1]
    assert twice.repeats == 2
    assert twice.folds == pytest.approx({0: 0.2, 1: 0.55, 2: 0.45})
    assert twice.mean == pytest.approx(0.4)
    assert twice.sd == pytest.approx(np.std([0.2, 0.55, 0.45], ddof=1))
    # The mean over folds is 0.3 in the one repeat and 0.5 in the other.
    assert twice.sd_repeats == pytest.approx(np.std([0.3, 0.5], ddof=1))
    assert (TABLE.lines[0].repeats, TABLE.lines[0].sd_repeats) == (1, None)
    assert (TABLE.repeated, REPEATED.repeated) == (False, True)


def beside(ours: str, published: float | None) -> str:
    return ours if published is None else f"{ours} ({number(published)})"


@both
def test_all_formats_hold_the_same_numbers(table: CccTable) -> None:
    rows = list(csv.DictReader(to_csv(table).splitlines()))
    lines = json.loads(to_json(table))["lines"]
    markdown = [
        [cell.strip().strip("*") for cell in row.strip("|").split("|")]
        for row in to_markdown(table).splitlines()[2 : 2 + len(table.lines)]
    ]
    columns = 7 + table.repeated
    latex = [
        re.split(r"\s*&\s*", re.sub(r"\\textbf\{(.*)\}", r"\1", row.strip().removesuffix(r" \\")))
        for row in to_latex(table).splitlines()
        if row.count("&") == columns - 1
    ][1:]
    assert len(rows) == len(lines) == len(markdown) == len(latex) == len(table.lines)
    for given, row, entry, marked, tex in zip(table.lines, rows, lines, markdown, latex, strict=True):
        assert (row["model"], row["figure"]) == (entry["model"], entry["figure"]) == (given.model, given.figure)
        assert marked[:2] == [given.model, given.figure]
        assert len(marked) == columns
        for fold in table.folds:
            value, published = given.folds.get(fold), given.published_folds.get(fold)
            assert row[f"fold_{fold}"] == ("" if value is None else f"{value:.6f}")
            assert row[f"published_fold_{fold}"] == ("" if published is None else f"{published:.6f}")
            assert entry["folds"].get(str(fold)) == (None if value is None else round(value, 6))
            assert entry["published_folds"].get(str(fold)) == published
            assert marked[2 + fold] == beside(number(value), published)
            assert tex[2 + fold].replace("--", "–").replace("$-$", "−").strip() == marked[2 + fold]
        assert float(row["mean"]) == entry["mean"] == round(given.mean, 6)
        assert float(row["sd"]) == entry["sd"] == round(given.sd, 6)
        spread = None if given.sd_repeats is None else round(given.sd_repeats, 6)
        assert entry["sd_repeats"] == spread == (float(row["sd_repeats"]) if row["sd_repeats"] else None)
        assert int(row["repeats"]) == entry["repeats"] == given.repeats
        assert entry["interval_95"] == [float(row["low_95"]), float(row["high_95"])]
        assert marked[5] == beside(f"{number(given.mean)} ± {number(given.sd)}", given.published)
        assert tex[5].replace("$-$", "−") == marked[5].replace("±", r"$\pm$")
        if table.repeated:
            assert marked[6] == number(given.sd_repeats)
        assert marked[-1] == f"[{number(given.interval.low)}, {number(given.interval.high)}]"
        assert entry["published"] == given.published == (float(row["published"]) if row["published"] else None)
        assert row["members"].split(" + ") == (entry["members"] or [""]) == (list(given.members) or [""])


def test_what_stands_in_parentheses_is_said_where_there_is_any() -> None:
    assert to_markdown(TABLE).endswith(f"\n\n{READING} {NOTE}\n")
    plain = CccTable(lines=(TABLE.lines[1],), note=NOTE)
    assert to_markdown(plain).endswith(f"\n\n{NOTE}\n")


@both
def test_latex_is_well_formed_and_escaped(table: CccTable) -> None:
    text = to_latex(table)
    assert r"visual\_50\%" in text
    assert r"random \& so on; 95 \% $\pm$ 1." in text
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
    (columns,) = (len(found) for found in re.findall(r"\\begin\{tabular\}\{(\w+)\}", text))
    body = [row for row in text.splitlines() if row.endswith(r"\\")]
    assert len(body) == 1 + len(table.lines)
    assert {len(re.split(r"(?<!\\)&", row)) for row in body} == {columns} == {7 + table.repeated}
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert text.isascii()
