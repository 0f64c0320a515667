"""Figure: what models say about a held-out trial, against its labels, with gates and useless segments along time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.axes import Axes

from pipeline.evaluation.metrics import ccc
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.segments import Segment, Segments, gate_weights
from pipeline.report.svg import (
    INK,
    SERIES,
    SHADES,
    SURFACE,
    drawing,
    new_figure,
    quiet,
    series_style,
    to_svg,
)
from pipeline.report.typeset import number

WIDE, NARROW = 1040, 360
"""Pixels across, for a desktop and for a phone: the page shows the one that fits."""
PIXELS_PER_POINT = 2

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Trace:
    """One trial as the page shows it: its scores in words, and the figure in two widths."""

    trial: str
    fold: int
    caption: str
    wide: Markup
    narrow: Markup


def choose(
    validation: Mapping[str, TrialPrediction], segments: Segments, *, targets: Sequence[str], count: int
) -> list[str]:
    """Choose trials to show without choosing the flattering ones.

    Folds take turns. Within a fold come first the trials with useless segments, if the corpus knows any, and among
    those the one whose mean CCC is nearest the fold's median.

    Parameters
    ----------
    validation : one model's held-out trials by name
    segments : by trial
    targets : names of the k columns
    count : how many trials
    """
    by_fold: dict[int, list[tuple[bool, float, str]]] = {}
    for trial, one in validation.items():
        if one.labels is None or np.isnan(one.labels).all(axis=0).any():
            continue
        agreement = float(np.mean([_ccc(one, column) for column in range(len(targets))]))
        by_fold.setdefault(one.fold or 0, []).append((trial not in segments, agreement, trial))
    queues = []
    for fold in sorted(by_fold):
        median = float(np.median([agreement for _, agreement, _ in by_fold[fold]]))
        queues.append([trial for _, _, trial in sorted((b, abs(a - median), t) for b, a, t in by_fold[fold])])
    turns = [queue[turn] for turn in range(max(map(len, queues), default=0)) for queue in queues if turn < len(queue)]
    return turns[:count]


def of_trial(one: TrialPrediction, targets: int) -> list[float]:
    """Return the CCC of each target on one trial; nothing where a target has no label."""
    if one.labels is None or np.isnan(one.labels).all(axis=0).any():
        return []
    return [_ccc(one, column) for column in range(targets)]


def _ccc(one: TrialPrediction, column: int) -> float:
    assert one.labels is not None
    annotated = ~np.isnan(one.labels[:, column])
    return ccc(one.labels[annotated, column], one.predictions[annotated, column])


def trace(
    trial: str,
    models: Mapping[str, TrialPrediction],
    *,
    colours: Mapping[str, int],
    targets: Ranges,
    segments: Sequence[Segment],
    number_on_page: int,
) -> Trace:
    """Draw one trial.

    Parameters
    ----------
    trial : name
    models : each model's prediction of it
    colours : each model's place on the page, which decides its colour
    targets : names and ranges of the k columns
    segments : the trial's useless segments
    number_on_page : makes the figure's name unique
    """
    first = next(iter(models.values()))
    scores = [
        f"{model} {' / '.join(number(_ccc(one, column)) for column in range(len(targets)))}"
        for model, one in models.items()
    ]
    caption = f"CCC on this trial ({' / '.join(targets)}): {'; '.join(scores)}."
    wide, narrow = (
        _draw(
            f"trace-{number_on_page}-{size}",
            width,
            trial,
            models,
            colours=colours,
            targets=targets,
            segments=segments,
            said=caption,
        )
        for size, width in (("wide", WIDE), ("narrow", NARROW))
    )
    return Trace(trial=trial, fold=first.fold or 0, caption=caption, wide=wide, narrow=narrow)


def _draw(
    name: str,
    width: int,
    trial: str,
    models: Mapping[str, TrialPrediction],
    *,
    colours: Mapping[str, int],
    targets: Ranges,
    segments: Sequence[Segment],
    said: str,
) -> Markup:
    gates = {model: by_modality(gate_weights(one)) for model, one in models.items()}
    strips = [(model, modality) for model, of_model in gates.items() for modality in of_model]
    heights = [150] * len(targets) + [62] * len(strips)
    points = width // PIXELS_PER_POINT
    time = next(iter(models.values())).time
    with drawing(name):
        figure = new_figure(width, sum(heights) + 40)
        axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for column, (target, limits) in enumerate(targets.items()):
            _target(axes[column], models, colours=colours, column=column, target=target, limits=limits, points=points)
        for place, (model, modality) in enumerate(strips, start=len(targets)):
            _gates(
                axes[place],
                gates[model][modality],
                time,
                title=f"{model} gates, {modality.replace('_', ' ')}",
                points=points,
            )
        for one in axes:
            _shade(one, segments, time)
        if width == WIDE:
            _name_segments(axes[0], segments, time)
        axes[-1].set_xlim(time[0], time[-1] if time[-1] > time[0] else time[0] + 1)
        axes[-1].set_xlabel("time in s")
        description = f"Trial {trial}: labels and predictions of {', '.join(models)} over {time[-1]:.0f} s. {said}"
        return to_svg(figure, name=name, description=description)


def _target(
    axes: Axes,
    models: Mapping[str, TrialPrediction],
    *,
    colours: Mapping[str, int],
    column: int,
    target: str,
    limits: tuple[float, float],
    points: int,
) -> None:
    first = next(iter(models.values()))
    assert first.labels is not None
    axes.plot(*thinned(first.time, first.labels[:, column], points=points), color=INK, linewidth=2.2)
    for model, one in models.items():
        axes.plot(*thinned(one.time, one.predictions[:, column], points=points), **series_style(colours[model]))
    axes.set_title(target.capitalize())
    axes.set_ylim(*limits)
    axes.locator_params(axis="y", nbins=4)
    quiet(axes)


def by_modality(weights: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
    """Sort gates such as ``audio 1``, ``audio 2`` and ``audio stage`` under ``audio``."""
    sorted_: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    for name, values in weights.items():
        modality, gate = name.rsplit(" ", 1)
        sorted_.setdefault(modality, {})[gate] = values
    return sorted_


GATE_STYLES: tuple[dict[str, Any], ...] = (
    {"color": INK, "dashes": (None, None)},
    {"color": INK, "dashes": (4, 2)},
    {"color": INK, "dashes": (1.2, 1.6)},
    {"color": INK, "dashes": (6, 2, 1.5, 2)},
)


def gate_style(gate: str) -> dict[str, Any]:
    """Return the line of a gate: iterations solid, dashed, dotted in their order, others coloured."""
    if gate in ("stage", "reliability"):
        return {"color": SERIES[5], "dashes": (None, None), "linewidth": 1.1}
    return {**GATE_STYLES[(int(gate) - 1) % len(GATE_STYLES)], "linewidth": 1.1}


def _gates(
    axes: Axes,
    weights: Mapping[str, npt.NDArray[np.float32]],
    time: npt.NDArray[np.float64],
    *,
    title: str,
    points: int,
) -> None:
    for gate, values in weights.items():
        axes.plot(*thinned(time, values, points=points), **gate_style(gate))
    axes.set_title(title, fontsize=10.5)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([0, 1])
    quiet(axes)


def _shade(axes: Axes, segments: Sequence[Segment], time: npt.NDArray[np.float64]) -> None:
    for one in segments:
        if one.modality in SHADES:
            start, end = span(one, time)
            axes.axvspan(start, end, color=SHADES[one.modality], alpha=0.28, linewidth=0)


def _name_segments(axes: Axes, segments: Sequence[Segment], time: npt.NDArray[np.float64]) -> None:
    for one in segments:
        start, _ = span(one, time)
        top = axes.get_ylim()[1]
        box = {"facecolor": SURFACE, "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
        axes.annotate(
            one.kind, (start, top), xytext=(4, -4), textcoords="offset points", va="top", fontsize=10.5, bbox=box
        )


def span(segment: Segment, time: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return a segment's seconds, up to the end of its last frame or of the trial."""
    last = len(time) - 1
    return float(time[min(segment.start, last)]), float(time[min(segment.end, last)])


def thinned(
    time: npt.NDArray[np.float64], values: npt.NDArray[np.floating], *, points: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Average neighbouring frames until at most `points` are left; a point without any value stays NaN, a gap."""
    frames = len(time)
    if frames <= points:
        return time, np.asarray(values, dtype=np.float64)
    edges = np.linspace(0, frames, points + 1).astype(np.int64)
    present = ~np.isnan(values)
    count = np.add.reduceat(present.astype(np.float64), edges[:-1])
    total = np.add.reduceat(np.where(present, values, 0).astype(np.float64), edges[:-1])
    mean = np.divide(total, count, out=np.full(points, np.nan), where=count > 0)
    return np.add.reduceat(time, edges[:-1]) / np.diff(edges), mean
