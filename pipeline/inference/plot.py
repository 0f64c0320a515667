"""A picture of one person's predictions over time."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.clips.runs import runs

COLOURS = ("#2a6fbb", "#d1495b", "#3c8d5a", "#8a5fb0", "#b8772b", "#5b6470")
"""Of the targets; they differ in lightness as well, so that a print without colours can be read."""

MOST_POINTS = 4000
"""Points of a line; what lies between is averaged, more would not be visible."""


def write_plot(
    path: Path,
    predictions: NDArray[np.floating],
    *,
    title: str,
    time: NDArray[np.float64],
    ranges: Mapping[str, tuple[float, float]],
    valid: NDArray[np.bool_] | None,
) -> None:
    """Draw a PNG: a panel per target, stretches without a face shaded; equal predictions give equal bytes.

    Parameters
    ----------
    predictions : (t, k)
    title : of the picture
    time : (t,) s
    ranges : (low, high) of each target, in column order
    valid : (t,) whether there is a face; None where the model reads no faces
    """
    figure = Figure(figsize=(10, 1.2 + 1.9 * len(ranges)), dpi=120, layout="constrained")
    panels = figure.subplots(len(ranges), 1, sharex=True, squeeze=False)[:, 0]
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    step = -(-len(time) // MOST_POINTS)
    at = _thinned(time, step)
    shown = False
    for place, (panel, (target, limits)) in enumerate(zip(panels, ranges.items(), strict=True)):
        panel.plot(at, _thinned(predictions[:, place], step), color=COLOURS[place % len(COLOURS)], linewidth=1.3)
        panel.set_ylabel(target)
        panel.set_ylim(limits)
        panel.grid(visible=True, color="#dddddd", linewidth=0.6)
        panel.axhline(sum(limits) / 2, color="#999999", linewidth=0.8)
        panel.spines[["top", "right"]].set_visible(False)
        for first, last in gaps(time, valid):
            panel.axvspan(first, last, color="#bbbbbb", alpha=0.45, linewidth=0, label=None if shown else "no face")
            shown = True
    panels[-1].set_xlabel("time (s)")
    panels[-1].set_xlim(float(time[0]), max(float(time[-1]), float(time[0]) + 1e-3))
    if shown:
        figure.legend(loc="upper right", frameon=False, fontsize=9)
    figure.savefig(path, format="png", metadata={"Software": None})


def gaps(time: NDArray[np.float64], valid: NDArray[np.bool_] | None) -> list[tuple[float, float]]:
    """Return begin and end of each stretch of frames without a face, s."""
    if valid is None:
        return []
    ends = np.append(time, time[-1])
    return [(float(ends[first]), float(ends[behind])) for first, behind in runs(~valid)]


def _thinned(values: NDArray[np.floating], step: int) -> NDArray[np.floating]:
    starts = np.arange(0, len(values), step)
    sums: NDArray[np.floating] = np.add.reduceat(values.astype(np.float64), starts)
    return sums / np.diff(np.append(starts, len(values)))
