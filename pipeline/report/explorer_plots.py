"""The explorer's panels as a Bokeh document: which lines there are, not what they hold.

The document is the same for all trials: the page's script fills in the one that is chosen, and the colours of the
light or the dark theme. It is drawn by BokehJS, which the page takes from the installed package.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bokeh.embed import json_item
from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    CrosshairTool,
    FixedTicker,
    HoverTool,
    PanTool,
    Range1d,
    VStrip,
    WheelZoomTool,
)
from bokeh.models.annotations import Span, Title
from bokeh.plotting import figure

FONT = "system-ui, sans-serif"
LEFT, RIGHT = 46, 12
"""Pixels beside every panel, so that all of them, and the thumbnails, share one time axis."""
HEIGHTS = {"target": 168, "gates": 84, "sound": 100}
MARGIN = 0.07
"""Of the values' span, above and below it: lines at a limit, and its number, are not cut."""


@dataclass(frozen=True)
class Line:
    """A line of a panel: the column of its values, a CSS variable, dashes in pixels, and its model's place."""

    column: str
    colour: str
    dashes: tuple[int, ...] = ()
    width: float = 1.5
    model: int | None = None


@dataclass(frozen=True)
class Panel:
    """One panel: its title, the limits of its values, and its lines; `model` is the one that it belongs to, if any."""

    kind: str
    title: str
    low: float
    high: float
    lines: tuple[Line, ...]
    model: int | None = None


@dataclass
class Plots:
    """The document, and what the script has to know of it.

    Parameters
    ----------
    item : the document, for ``Bokeh.embed.embed_item``
    paint : name of a part of the document, one of its properties, and the CSS variable that it takes
    shown : by model, the names of the lines and panels that appear and vanish with it
    """

    item: dict[str, Any]
    paint: list[tuple[str, str, str]] = field(default_factory=list)
    shown: dict[int, list[str]] = field(default_factory=dict)


def script() -> str:
    """Return BokehJS, of the version that wrote the document."""
    spec = find_spec("bokeh")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "server" / "static" / "js"
    return (folder / "bokeh.min.js").read_text(encoding="utf-8")


def build(panels: Sequence[Panel], shades: Mapping[str, str]) -> Plots:
    """Put the panels below each other, all on one range of time.

    Parameters
    ----------
    panels : from the top; one of them is the ``sound``, which carries the time axis
    shades : CSS variable by kind of stretch that is shaded
    """
    plots = Plots(item={})
    columns = ["time", "middle", *(line.column for panel in panels for line in panel.lines)]
    source = ColumnDataSource(name="frames", data={name: [] for name in columns})
    sound = ColumnDataSource(name="sound", data={"time": [], "loudness": [], "below": []})
    stretches = {kind: ColumnDataSource(name=f"shade-{kind}", data={"start": [], "end": []}) for kind in shades}
    time = Range1d(start=0, end=1, name="time")
    moment = Span(dimension="height", line_width=1, line_alpha=0.7, name="moment")
    position = Span(dimension="height", line_width=2, name="position", visible=False)
    plots.paint += [("moment", "line_color", "--muted"), ("position", "line_color", "--accent")]
    drawn = []
    for place, panel in enumerate(panels):
        name, margin = f"panel-{place}", MARGIN * (panel.high - panel.low)
        pan, wheel = PanTool(dimensions="width"), WheelZoomTool(dimensions="width", modifiers={"ctrl": True})
        one = figure(
            name=name,
            height=HEIGHTS[panel.kind],
            sizing_mode="stretch_width",
            x_range=time,
            y_range=Range1d(start=panel.low - margin, end=panel.high + margin),
            title=_title(plots, panel, f"{name}-title"),
            toolbar_location=None,
            tools=[pan, wheel, CrosshairTool(overlay=moment)],
            min_border_left=LEFT,
            min_border_right=RIGHT,
            min_border_top=0,
            min_border_bottom=2,
            background_fill_alpha=0,
            border_fill_alpha=0,
            outline_line_alpha=0,
            output_backend="canvas",
        )
        one.toolbar.active_drag = pan
        one.toolbar.active_scroll = wheel
        for kind, variable in shades.items():
            _shade(plots, one, stretches[kind], kind=kind, name=f"{name}-{kind}", variable=variable)
        for line in panel.lines:
            _line(plots, one, source, line, name=f"{name}-{line.column}")
        if panel.kind == "sound":
            area = one.varea(x="time", y1="below", y2="loudness", source=sound, fill_alpha=0.55)
            area.glyph.name = f"{name}-area"
            plots.paint.append((f"{name}-area", "fill_color", "--muted"))
        if panel.kind == "target":
            hovered = one.line("time", "middle", source=source, line_alpha=0)
            one.add_tools(HoverTool(name=f"{name}-hover", renderers=[hovered], mode="vline", point_policy="none"))
        one.add_layout(position)
        _axes(plots, one, panel, name)
        if panel.model is not None:
            plots.shown.setdefault(panel.model, []).append(name)
        drawn.append(one)
    layout = column(*drawn, sizing_mode="stretch_width", spacing=0, name="panels")
    plots.item = _renumbered(json_item(layout))
    return plots


def _shade(plots: Plots, one: figure, source: ColumnDataSource, *, kind: str, name: str, variable: str) -> None:
    hatched = {"fill_alpha": 0.0, "hatch_pattern": "/", "hatch_alpha": 0.55, "hatch_scale": 7.0, "hatch_weight": 1.0}
    style = hatched if kind == "no label" else {"fill_alpha": 0.28}
    glyph = VStrip(x0="start", x1="end", line_alpha=0, name=name, **style)
    one.add_glyph(source, glyph)
    plots.paint.append((name, "hatch_color" if kind == "no label" else "fill_color", variable))


def _line(plots: Plots, one: figure, source: ColumnDataSource, line: Line, *, name: str) -> None:
    dashes = list(line.dashes)
    drawn = one.line("time", line.column, source=source, line_width=line.width, line_dash=dashes, line_join="round")
    drawn.glyph.name, drawn.name = f"{name}-glyph", name
    drawn.nonselection_glyph = drawn.muted_glyph = None
    plots.paint.append((f"{name}-glyph", "line_color", line.colour))
    if line.model is not None:
        plots.shown.setdefault(line.model, []).append(name)


def _title(plots: Plots, panel: Panel, name: str) -> Title:
    plots.paint.append((name, "text_color", "--ink"))
    size = "13px" if panel.kind == "target" else "12px"
    title = Title(text=panel.title, text_font=FONT, text_font_size=size, standoff=3, name=name)
    title.text_font_style = "bold" if panel.kind == "target" else "normal"
    return title


def _axes(plots: Plots, one: figure, panel: Panel, name: str) -> None:
    low, high = panel.low, panel.high
    by_kind: dict[str, list[float]] = {"target": [low, (low + high) / 2, high], "gates": [low, high]}
    ticks = by_kind.get(panel.kind, [])
    one.yaxis.ticker = FixedTicker(ticks=ticks)
    one.ygrid.ticker = FixedTicker(ticks=ticks)
    one.xgrid.visible = False
    one.xaxis.visible = panel.kind == "sound"
    if panel.kind == "sound":
        one.xaxis.axis_label = "time in s"
    for which, axis in (("x", one.xaxis[0]), ("y", one.yaxis[0])):
        axis.name = f"{name}-{which}"
        axis.major_label_text_font = axis.axis_label_text_font = FONT
        axis.major_label_text_font_size = axis.axis_label_text_font_size = "12px"
        axis.axis_label_text_font_style = "normal"
        axis.minor_tick_line_alpha = 0
        axis.axis_line_alpha = 1 if which == "x" else 0
        axis.major_tick_line_alpha = 1 if which == "x" else 0
        axis.major_tick_in = 0
        plots.paint += [
            (axis.name, "major_label_text_color", "--muted"),
            (axis.name, "axis_label_text_color", "--muted"),
            (axis.name, "axis_line_color", "--muted"),
            (axis.name, "major_tick_line_color", "--muted"),
        ]
    one.ygrid[0].name = f"{name}-grid"
    plots.paint.append((f"{name}-grid", "grid_line_color", "--grid"))


def _renumbered(item: Any) -> Any:
    """Count the parts of the document from 1: Bokeh's own numbers go on from one document of a process to the next."""
    numbers: dict[str, str] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: numbers.setdefault(of_key, f"e{len(numbers) + 1}") if key in ("id", "root_id") else walk(of_key)
                for key, of_key in value.items()
            }
        return [walk(one) for one in value] if isinstance(value, list) else value

    return walk(item)
