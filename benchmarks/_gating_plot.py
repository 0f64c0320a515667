"""The picture of docs/gating.md: P by condition, and the gates by condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks._gating_figures import CLEAN, FACE, VOICE

COLOURS = ("#7a7a7a", "#b58a2e", "#2f6db3", "#3a9a86")
BY_CONDITION = {CLEAN: "#7a7a7a", FACE: "#2f6db3", VOICE: "#c2553a"}


@dataclass(frozen=True)
class Panels:
    """What is drawn.

    Parameters
    ----------
    p : by model and condition, P of each seed
    gates : by gate and condition, the mean weight of each seed
    """

    p: Mapping[str, Mapping[str, Sequence[float]]]
    gates: Mapping[str, Mapping[str, Sequence[float]]]


def draw(panels: Panels, path: Path) -> None:
    """Write the picture; the same numbers give the same bytes."""
    with mpl.rc_context():
        mpl.rcParams.update({"svg.hashsalt": "affectflow", "font.family": "DejaVu Sans", "svg.fonttype": "path"})
        mpl.rcParams.update({"font.size": 9, "axes.titlesize": 10})
        figure = Figure(figsize=(9.5, 6.8), facecolor="white", layout="constrained")
        above, below = figure.subplots(2)
        _dots(above, _turned(panels.p), dict(zip(panels.p, COLOURS, strict=False)))
        above.set(ylabel="P, mean CCC of both targets", title="Agreement: a dot per seed, a bar at their mean")
        _dots(below, panels.gates, BY_CONDITION)
        below.set(ylim=(0, 1), ylabel="mean weight", title="GRJCA's gates: weight of what attention gave, by condition")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})


def _turned(values: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, dict[str, Sequence[float]]]:
    conditions = list(next(iter(values.values())))
    return {condition: {name: values[name][condition] for name in values} for condition in conditions}


def _dots(axes: Axes, groups: Mapping[str, Mapping[str, Sequence[float]]], colours: Mapping[str, str]) -> None:
    width = 0.8 / len(colours)
    for place, of_group in enumerate(groups.values()):
        for number, (name, colour) in enumerate(colours.items()):
            values = of_group[name]
            x = place + (number - (len(colours) - 1) / 2) * width
            spots = x + np.linspace(-0.25, 0.25, len(values)) * width
            axes.scatter(spots, values, s=16, color=colour, linewidths=0, alpha=0.75, label=None if place else name)
            axes.hlines(float(np.mean(values)), x - 0.42 * width, x + 0.42 * width, color=colour, linewidth=2)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2 if len(colours) > 3 else len(colours), fontsize=8, loc="best")
