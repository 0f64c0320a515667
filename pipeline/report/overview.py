"""Figure: every model's CCC, fold by fold, with mean and interval, and the published numbers."""

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes

from pipeline.report.svg import INK, MUTED, drawing, new_figure, quiet, series_style, to_svg
from pipeline.report.tables import CccTable, Line
from pipeline.report.typeset import number

ROW = 26
"""Pixels per model."""


def overview(table: CccTable, *, models: Sequence[str]) -> dict[str, Markup]:
    """Draw one figure per target and one for P, all on one scale.

    Parameters
    ----------
    table : what to show
    models : order of the rows, from the top; also decides each model's colour
    """
    values = [value for line in table.lines for value in _values(line)]
    limits = (min(0.0, min(values)) - 0.03, max(values) + 0.03)
    figures = list(dict.fromkeys(line.figure for line in table.lines))
    return {
        figure: _one([line for line in table.lines if line.figure == figure], models=models, limits=limits)
        for figure in figures
    }


def _values(line: Line) -> list[float]:
    return [*line.folds.values(), line.interval.low, line.interval.high, *_published(line)]


def _published(line: Line) -> list[float]:
    """Return the published number of the mean, or else those of single folds."""
    return [line.published] if line.published is not None else list(line.published_folds.values())


def _one(lines: Sequence[Line], *, models: Sequence[str], limits: tuple[float, float]) -> Markup:
    figure_name = lines[0].figure
    name = f"overview-{figure_name}"
    with drawing(name):
        figure = new_figure(310, 56 + ROW * len(models))
        axes = figure.add_subplot()
        for line in lines:
            row = models.index(line.model)
            colour = series_style(row)["color"]
            axes.plot([line.interval.low, line.interval.high], [row, row], color=colour, linewidth=5, alpha=0.3)
            axes.plot(list(line.folds.values()), [row] * len(line.folds), "o", color=colour, markersize=4, alpha=0.55)
            axes.plot([line.mean], [row], "|", color=INK, markersize=13, markeredgewidth=2)
            _hollow(axes, _published(line), row, marker="D", size=6)
            ringed = [line.folds[fold] for fold in line.published_folds if line.published is None]
            _hollow(axes, ringed, row, marker="o", size=8.5)
        axes.set_yticks(range(len(models)), models, color=INK)
        axes.set_ylim(len(models) - 0.4, -0.6)
        axes.set_xlim(*limits)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("mean CCC over targets" if figure_name == "P" else "CCC")
        axes.set_title("P" if figure_name == "P" else figure_name.capitalize())
        quiet(axes)
        said = "; ".join(f"{line.model} {number(line.mean)} (SD {number(line.sd)}){_compared(line)}" for line in lines)
        return to_svg(figure, name=name, description=f"{figure_name}, mean over folds: {said}.")


def _hollow(axes: Axes, values: Sequence[float], row: int, *, marker: str, size: float) -> None:
    axes.plot(values, [row] * len(values), marker, markersize=size, markerfacecolor="none", markeredgecolor=MUTED)


def _compared(line: Line) -> str:
    if line.published is not None:
        return f", published {number(line.published)}"
    return "".join(
        f", in fold {fold} {number(line.folds[fold])}, published {number(value)}"
        for fold, value in line.published_folds.items()
    )
