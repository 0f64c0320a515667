import re

import pytest

from pipeline.report.typeset import RULE, booktabs, escape, number, pipe_table


def test_a_pipe_table_keeps_its_cells_and_puts_numbers_at_the_right() -> None:
    lines = pipe_table(["model", "mean"], [["a|b", "1.0e-05"], ["c", "–"]], names=1).splitlines()
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert cells[0] == ["model", "mean"]
    assert cells[2:] == [[r"a\|b", "1.0e-05"], ["c", "–"]]
    left, right = cells[1]
    assert left.startswith(":")
    assert not left.endswith(":")
    assert right.endswith(":")
    assert not right.startswith(":")


def test_a_float_has_its_rules_where_they_were_asked_for() -> None:
    text = booktabs(["m", "x"], [["a", "1"], RULE, ["b", "2"]], names=1, caption="5 %", label="tab:t")
    inner = [line.strip() for line in text.splitlines()]
    assert inner[3:5] == [r"\label{tab:t}", r"\begin{tabular}{lr}"]
    rows = [re.sub(r"\s+", "", line) for line in inner[5:-2]]
    assert rows == [r"\toprule", r"m&x\\", r"\midrule", r"a&1\\", r"\midrule", r"b&2\\", r"\bottomrule"]
    assert r"\caption{5 \%}" in text


def test_escape_covers_what_latex_takes_for_commands() -> None:
    assert escape("a\\b{c}_d^e~f#g$h&i%") == (
        r"a\textbackslash{}b\{c\}\_d\textasciicircum{}e\textasciitilde{}f\#g\$h\&i\%"
    )


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (-0.5, "−0.500"), (-0.0001, "0.000"), (None, "–"), (1, "1.000")]
)
def test_numbers_have_three_digits_and_a_true_minus(value: float | None, text: str) -> None:
    assert number(value) == text
