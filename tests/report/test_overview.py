from collections.abc import Mapping

from markupsafe import Markup

from pipeline.report.overview import overview
from pipeline.report.significance import Interval
from pipeline.report.tables import CccTable, Line


def drawn(*, published: float | None = None, published_folds: Mapping[int, float] | None = None) -> dict[str, Markup]:
    """Draw two models, of which valence has published numbers."""
    values = {0: (0.1, 0.3), 1: (0.5, 0.3)}
    lines = []
    for model in ("a", "b"):
        lines.append(Line(model, "valence", values, Interval(0.1, 0.5), published, published_folds or {}))
        lines.append(Line(model, "P", values, Interval(0.1, 0.5)))
    return overview(CccTable(tuple(lines), note=""), models=["b", "a"])


def marks(figure: str) -> int:
    return figure.count("<use")


def test_each_figure_says_its_numbers() -> None:
    figures = drawn()
    assert list(figures) == ["valence", "P"]
    assert "valence, mean over folds: a 0.300 (SD 0.141); b 0.300 (SD 0.141)." in figures["valence"]
    assert "var(--series-2)" in figures["P"]


def test_a_published_number_is_marked_beside_what_it_compares_with() -> None:
    # All within the interval, so that the axis and its ticks stay.
    plain = drawn()
    of_mean = drawn(published=0.4)
    assert "a 0.300 (SD 0.141), published 0.400; b" in of_mean["valence"]
    assert marks(of_mean["valence"]) == marks(plain["valence"]) + 2
    of_fold = drawn(published_folds={0: 0.4})
    assert "a 0.300 (SD 0.141), in fold 0 0.200, published 0.400; b" in of_fold["valence"]
    # For each model a diamond, and a ring around the dot of fold 0.
    assert marks(of_fold["valence"]) == marks(plain["valence"]) + 4
    every = drawn(published=0.4, published_folds={0: 0.35, 1: 0.45})
    assert marks(every["valence"]) == marks(of_mean["valence"])
    assert marks(every["P"]) == marks(of_fold["P"]) == marks(plain["P"])
