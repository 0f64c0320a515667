import pytest

from benchmarks._demo import fill, pm, table


def test_mean_and_deviation_are_over_seeds() -> None:
    assert pm([0.5, 0.7, 0.6]) == "0.600 ± 0.100"
    assert pm([0.5, 0.7, 0.6], digits=1) == "0.6 ± 0.1"


def test_a_table_has_a_line_below_its_header() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_tables_are_put_between_their_markers() -> None:
    page = "before\n<!-- gates -->\nold\n<!-- /gates -->\nafter\n<!-- gates soft -->\n<!-- /gates soft -->\n"
    filled = fill(page, {"gates": r"\1 new", "gates soft": "soft"})
    assert filled == (
        "before\n<!-- gates -->\n\\1 new\n<!-- /gates -->\nafter\n<!-- gates soft -->\nsoft\n<!-- /gates soft -->\n"
    )
    assert fill(filled, {"gates": r"\1 new"}) == filled
    with pytest.raises(ValueError, match="0 places for other"):
        fill(page, {"other": ""})
