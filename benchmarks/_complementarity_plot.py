"""The picture of docs/complementarity.md: learning curves by condition, and what gates tell of useless frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.significance import Interval

COLOURS = ("#7a7a7a", "#b58a2e", "#2f6db3", "#3a9a86", "#c2553a", "#111111")


@dataclass(frozen=True)
class Curve:
    """A figure and its interval by number of training trials."""

    values: Sequence[float]
    intervals: Sequence[Interval]


@dataclass(frozen=True)
class Panels:
    """What is drawn.

    Parameters
    ----------
    sizes : numbers of training trials
    p : by condition and model, P with the interval over subjects and draws
    told : by model, the AUC for useless frames with its range over draws
    """

    sizes: Sequence[int]
    p: Mapping[str, Mapping[str, Curve]]
    told: Mapping[str, Curve]


def draw(panels: Panels, path: Path) -> None:
    """Write the picture; the same numbers give the same bytes."""
    names = list(dict.fromkeys(name for curves in panels.p.values() for name in curves))
    colours = dict(zip(names, COLOURS, strict=False))
    with mpl.rc_context():
        mpl.rcParams.update({"svg.hashsalt": "affectflow", "font.family": "DejaVu Sans", "svg.fonttype": "path"})
        mpl.rcParams.update({"font.size": 9, "axes.titlesize": 10})
        figure = Figure(figsize=(11.5, 4.4), facecolor="white", layout="constrained")
        every = figure.subplots(1, len(panels.p) + 1)
        for axes, (condition, curves) in zip(every, panels.p.items(), strict=False):
            _curves(axes, panels.sizes, curves, colours)
            axes.set_title("Clean frames" if condition == "clean" else f"One modality {condition}")
        every[0].set_ylabel("P, mean CCC of both targets")
        _curves(every[-1], panels.sizes, panels.told, colours)
        every[-1].axhline(0.5, color="0.6", linewidth=1, linestyle=(0, (2, 2)))
        every[-1].set(ylim=(0.35, 1.02), ylabel="AUC", title="Useless frames told by gates")
        handles = {
            label: handle for axes in every for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            handles.values(),
            handles.keys(),
            loc="outside lower center",
            ncols=len(handles),
            frameon=False,
            fontsize=8.5,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})


def _curves(axes: Axes, sizes: Sequence[int], curves: Mapping[str, Curve], colours: Mapping[str, str]) -> None:
    for number, (name, curve) in enumerate(curves.items()):
        # Side by side, so that intervals do not hide each other.
        x = np.arange(len(sizes)) + (number - (len(curves) - 1) / 2) * 0.07
        line = "-" if name != list(colours)[-1] else (0, (2, 1.5))
        axes.plot(x, curve.values, color=colours[name], linestyle=line, marker="o", markersize=3.5, label=name)
        low, high = [one.low for one in curve.intervals], [one.high for one in curve.intervals]
        axes.vlines(x, low, high, color=colours[name], linewidth=1.2, alpha=0.7)
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    axes.set_xlabel("training trials")
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
