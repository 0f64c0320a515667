import csv
import re

from pipeline.report.differences import (
    READING,
    by_pair,
    cell,
    differences_csv,
    differences_latex,
    differences_markdown,
)
from pipeline.report.significance import Difference, Interval

FOUND = [
    Difference("a_b", "c|d", "valence", -0.125, Interval(-0.25, -0.0625)),
    Difference("a_b", "c|d", "P", 0.0625, Interval(-0.01, 0.125)),
    Difference("a_b", "e", "valence", 0.5, Interval(0.25, 0.75)),
    Difference("a_b", "e", "P", 0.25, Interval(0.0, 0.5)),
]


def test_an_interval_is_clear_where_it_leaves_out_zero() -> None:
    assert [one.clear for one in FOUND] == [True, False, True, False]
    assert [[one.figure for one in found] for found in by_pair(FOUND).values()] == [["valence", "P"]] * 2
    assert cell(FOUND[0]) == "−0.125 [−0.250, −0.062]"


def test_the_csv_has_a_row_for_each_figure_of_a_pair() -> None:
    rows = list(csv.DictReader(differences_csv(FOUND).splitlines()))
    assert rows[0] == {
        "first": "a_b",
        "second": "c|d",
        "figure": "valence",
        "difference": "-0.125000",
        "low_95": "-0.250000",
        "high_95": "-0.062500",
        "excludes_zero": "yes",
    }
    assert [row["excludes_zero"] for row in rows] == ["yes", "no", "yes", "no"]


def test_the_markdown_has_a_row_for_each_pair_and_says_how_to_read_it() -> None:
    lines = [re.sub(" +", " ", line) for line in differences_markdown(FOUND).splitlines()]
    assert lines[0] == "| difference | valence | P |"
    assert lines[2] == "| a_b − c\\|d | **−0.125 [−0.250, −0.062]** | 0.062 [−0.010, 0.125] |"
    assert lines[3].startswith("| a_b − e | **0.500")
    assert lines[-1] == READING


def test_the_latex_is_well_formed() -> None:
    text = differences_latex(FOUND)
    body = [row for row in text.splitlines() if row.endswith(r"\\")]
    assert len(body) == 3
    assert {len(re.split(r"(?<!\\)&", row)) for row in body} == {3}
    assert r"a\_b $-$ e & \textbf{0.500 [0.250, 0.750]} & 0.250" in re.sub(" +", " ", text)
    assert text.isascii()
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1


def test_a_single_model_has_no_table() -> None:
    assert differences_markdown([]) == differences_latex([]) == ""
    assert differences_csv([]).count("\n") == 1
