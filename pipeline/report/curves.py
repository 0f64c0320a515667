"""Figure: how each fold and repeat of a model was trained, loss above and validation P below."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipeline.evaluation.runs import Run
from pipeline.report.svg import drawing, new_figure, quiet, series_style, to_svg
from pipeline.report.typeset import number
from pipeline.runtime.reading import reading


@dataclass(frozen=True)
class Curve:
    """One training, a value per epoch."""

    epoch: tuple[int, ...]
    train_loss: tuple[float, ...]
    p: tuple[float, ...]

    @property
    def best(self) -> int:
        """Position of the best validation P, whose weights were kept."""
        return max(range(len(self.p)), key=lambda i: (self.p[i], -i))


def read_curves(path: Path) -> dict[Run, Curve]:
    """Read ``plots/train/<model>.csv`` by fold and repeat.

    Raises
    ------
    InputError
        If the file is missing or damaged, has no rows, or lacks a column.
    """
    with reading(path, what="training curves cannot be read", remedy="run `dvc repro train`"):
        return _parse(path.read_text(encoding="utf-8"))


def _parse(text: str) -> dict[Run, Curve]:
    rows = list(csv.DictReader(text.splitlines()))
    missing = {"fold", "repeat", "epoch", "train_loss", "p"} - (set(rows[0]) if rows else set())
    if missing:
        raise ValueError(f"no rows with {', '.join(sorted(missing))}")
    runs: dict[Run, list[dict[str, str]]] = {}
    for row in rows:
        runs.setdefault(Run(int(row["fold"]), int(row["repeat"])), []).append(row)
    return {
        run: Curve(
            epoch=tuple(int(float(row["epoch"])) for row in of_run),
            train_loss=tuple(float(row["train_loss"]) for row in of_run),
            p=tuple(float(row["p"]) for row in of_run),
        )
        for run, of_run in sorted(runs.items())
    }


def training_curves(curves: Mapping[str, Mapping[Run, Curve]], *, models: Sequence[str]) -> dict[str, Markup]:
    """Draw one figure per trained model; all share their scales, so that models can be compared.

    Parameters
    ----------
    curves : by model, and by fold and repeat
    models : order, which decides each model's colour; those without curves are left out
    """
    every = [curve for runs in curves.values() for curve in runs.values()]
    limits = {
        "loss": _limits([value for curve in every for value in curve.train_loss]),
        "p": _limits([value for curve in every for value in curve.p]),
        "epoch": (min(min(c.epoch) for c in every) - 0.5, max(max(c.epoch) for c in every) + 0.5),
    }
    return {
        model: _one(model, curves[model], index=models.index(model), limits=limits)
        for model in models
        if model in curves
    }


def _one(model: str, runs: Mapping[Run, Curve], *, index: int, limits: Mapping[str, tuple[float, float]]) -> Markup:
    name = f"training-{index}"
    with drawing(name):
        figure = new_figure(310, 290)
        above, below = figure.subplots(2, 1, sharex=True)
        style = {**series_style(index), "dashes": (None, None), "linewidth": 1.1, "alpha": 0.75}
        for curve in runs.values():
            above.plot(curve.epoch, curve.train_loss, **style)
            below.plot(curve.epoch, curve.p, **style)
            best = curve.best
            below.plot([curve.epoch[best]], [curve.p[best]], "o", color=style["color"], markersize=4)
        _label(above, title=f"{model}: training loss", limits=limits["loss"])
        _label(below, title="validation P, best epoch marked", limits=limits["p"])
        below.set_xlim(*limits["epoch"])
        below.set_xlabel("epoch")
        below.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        said = "; ".join(f"{run} best P {number(c.p[c.best])} in epoch {c.epoch[c.best]}" for run, c in runs.items())
        return to_svg(figure, name=name, description=f"Training of {model}: {said}.")


def _label(axes: Axes, *, title: str, limits: tuple[float, float]) -> None:
    axes.set_title(title)
    axes.set_ylim(*limits)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    quiet(axes)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.1
    return low - margin, high + margin
