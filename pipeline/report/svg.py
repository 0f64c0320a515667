"""matplotlib figures as inline SVG that takes its colours and its type from the page.

A figure is drawn in stand-in colours, which become CSS variables: the same drawing is legible on a light and on a dark
page. Text stays text. Ids are prefixed with the figure's name, since all figures share one document, and coordinates
are rounded to a tenth of a pixel. The same data give the same bytes.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

INK, MUTED, GRID, SURFACE = "#010101", "#020202", "#030303", "#040404"
SERIES = tuple(f"#0500{number:02x}" for number in range(1, 7))
"""Stand-ins of the page's six colour-blind safe series colours."""
SHADES = {"visual": "#060001", "audio": "#060002"}
"""Stand-ins for useless segments by modality."""

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    SURFACE: "--card",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES, start=1)},
    **{colour: f"--shade-{name}" for name, colour in SHADES.items()},
}

DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))
"""Dash patterns in points; with the colour they tell series apart without it."""

_STYLE = {
    "svg.fonttype": "none",
    "font.size": 11.5,
    "axes.labelsize": 11.5,
    "axes.titlesize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "path.simplify_threshold": 0.2,
}


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """Draw in the page's style, whatever a user's matplotlibrc says; `name` is the figure's own."""
    with matplotlib.style.context(["default", {**_STYLE, "svg.hashsalt": name}]):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of so many CSS pixels."""
    layout = ConstrainedLayoutEngine(h_pad=5 / 72, w_pad=2 / 72)
    return Figure(figsize=(width / 72, height / 72), dpi=72, layout=layout)


def series_style(index: int) -> dict[str, Any]:
    """Return the colour and dashes of the `index`-th model."""
    dashes = DASHES[(index + index // len(SERIES)) % len(DASHES)]
    return {"color": SERIES[index % len(SERIES)], "dashes": dashes or (None, None)}


def quiet(axes: Axes) -> None:
    """Take an axes' left spine away: the grid carries the values."""
    axes.spines["left"].set_visible(False)


def to_svg(figure: Figure, *, name: str, description: str) -> Markup:
    """Write a figure as an inline ``<svg>`` element.

    Parameters
    ----------
    figure : drawn inside `drawing(name)`, and still inside it
    name : unique on the page; letters, digits and hyphens
    description : what the figure shows, for those who do not see it
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    # Versions of matplotlib write the family apart or in the shorthand; here the page chooses it.
    text = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", text)
    text = re.sub(r" ?font-family: [^;\"]+;?", "", text)
    text = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(url\(|href=")#', rf"\1#{name}-", text)
    text = re.sub(r' d="[^"]+"', lambda path: _rounded(path[0]), text)
    view = re.search(r'viewBox="[^"]+"', text)
    assert view is not None, "matplotlib always writes a view box"
    body = text[text.index(">") + 1 :]
    head = f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {view[0]} role="img" aria-label="{escape(description)}">'
    return Markup(head + re.sub(r">\s+<", "><", body))  # noqa: S704 (matplotlib escapes its texts)


def _rounded(path: str) -> str:
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), path).replace(" \n", " ")
