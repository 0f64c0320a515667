"""Training losses by epoch, one curve a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

LOOKS = (("#2f6db3", "-"), ("#2f6db3", (0, (2, 1.5))), ("#b58a2e", "-"), ("#b58a2e", (0, (2, 1.5))), ("#7a7a7a", "-"))


def draw(losses: Mapping[str, Sequence[Sequence[float]]], path: Path) -> None:
    """Write the picture; the same numbers give the same bytes.

    Parameters
    ----------
    losses : by label, the training loss of each fold and seed by epoch; as many labels as `LOOKS` at most
    """
    with mpl.rc_context():
        mpl.rcParams.update({"svg.hashsalt": "affectflow", "font.family": "DejaVu Sans", "svg.fonttype": "path"})
        mpl.rcParams.update({"font.size": 9, "axes.titlesize": 10})
        figure = Figure(figsize=(6.4, 3.4), facecolor="white", layout="constrained")
        axes = figure.add_subplot()
        for (label, curves), (colour, line) in zip(losses.items(), LOOKS, strict=False):
            # A fold that stopped early stands at its last epoch, so that every epoch is a mean over the same folds.
            longest = max(map(len, curves))
            held = [[*curve, *([curve[-1]] * (longest - len(curve)))] for curve in curves]
            axes.plot(np.arange(1, longest + 1), np.mean(held, axis=0), color=colour, linestyle=line, label=label)
        axes.set(ylim=(0, 1.05), xlabel="epoch", ylabel="1 - CCC", title="Training loss, mean over folds and seeds")
        axes.grid(color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
