from pipeline.report.overview import overview
from pipeline.report.significance import Interval
from pipeline.report.tables import CccTable, Line


def test_each_figure_says_its_numbers_and_marks_published_ones() -> None:
    lines = tuple(
        Line(model, figure, {0: 0.2, 1: 0.4}, Interval(0.1, 0.5), 0.6 if figure == "valence" else None)
        for model in ("a", "b")
        for figure in ("valence", "P")
    )
    figures = overview(CccTable(lines, note=""), models=["b", "a"])
    assert list(figures) == ["valence", "P"]
    assert "valence, mean over folds: a 0.300 (SD 0.141); b 0.300 (SD 0.141)." in figures["valence"]
    assert figures["valence"].count("<use") > figures["P"].count("<use")
    assert "var(--series-2)" in figures["P"]
