"""The explorer: every trial to be chosen, zoomed and read, in the page that a browser with scripts shows.

The page carries each trial's numbers, packed, and one document of empty panels (`explorer_plots`) that its script
fills. How finely trials are kept depends on how many share the page.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.explorer_plots import LEFT, RIGHT, Line, Panel, build, script
from pipeline.report.explorer_trial import SHADES, Detail, pack_trial
from pipeline.report.legend import Legend, of_gates, of_model
from pipeline.report.segments import Segments, gate_weights
from pipeline.report.strips import read_strips
from pipeline.report.svg import VARIABLES, series_style
from pipeline.report.traces import Ranges, by_modality, gate_style

FULL = Detail(points=1 << 30, thumbnails=48, stretches=4000)
"""Of one trial alone: every frame."""
FINEST = Detail(points=2000, thumbnails=24, stretches=600)
COARSEST = Detail(points=100, thumbnails=6, stretches=120)
_THUMBNAIL, _TRIAL, _POINT = 700, 600, 2.7
"""Bytes of the page: of a thumbnail, of a trial's words, and of a 16-bit number."""


@dataclass(frozen=True)
class Explorer:
    """What the template needs.

    Parameters
    ----------
    groups : names of the trials, by fold or part
    models : the line of each
    drawn : places of the models that are drawn at first
    shades : kinds of stretches that occur
    lines : the other lines: label and gates
    thinned : points per line of the longest trials, None where every frame is kept
    left_out : trials that did not fit
    data, plots : JSON for the script
    script : BokehJS
    margins : pixels on the left and right of every panel
    """

    groups: Mapping[str, Sequence[str]]
    models: Sequence[Legend]
    drawn: Sequence[int]
    shades: Sequence[str]
    lines: Sequence[Legend]
    thinned: int | None
    left_out: int
    data: Markup
    plots: Markup
    script: Markup
    margins: tuple[int, int] = (LEFT, RIGHT)


def explore(
    trials: Mapping[str, Mapping[str, TrialPrediction]],
    *,
    targets: Ranges,
    drawn: Sequence[str],
    segments: Segments,
    clips: Path,
    first: str | None = None,
    megabytes: float | None = None,
) -> Explorer:
    """Pack trials for the page.

    Parameters
    ----------
    trials : each model's prediction, in the page's order of models, by trial; validation trials first
    targets : names and ranges of the k columns
    drawn : models that are drawn at first
    segments : useless segments by trial
    clips : folder of the clips
    first : the trial that is shown at first; the first one if left out
    megabytes : what the trials may take in the page; every frame of each if left out

    Raises
    ------
    InputError
        A clip is missing or damaged.
    """
    models = list(next(iter(trials.values())))
    example = {model: by_modality(gate_weights(one)) for model, one in next(iter(trials.values())).items()}
    panels = _panels(models, targets, example)
    lines = len(targets) * (1 + len(models)) + sum(len(gates) for of in example.values() for gates in of.values())
    detail, count = share(megabytes, lines=lines, trials=len(trials)) if megabytes is not None else (FULL, len(trials))
    kept = {trial: trials[trial] for trial in evenly(trials, count)}
    packed: dict[str, Any] = {}
    for trial, predictions in kept.items():
        strips = read_strips(clips / f"{trial}.h5", thumbnails=detail.thumbnails, stretches=detail.stretches)
        packed[trial] = pack_trial(predictions, strips, segments.get(trial, ()), targets=targets, detail=detail)
    occurring = {kind for one in packed.values() for kind, *_ in one["shades"]}
    shades = {kind: variable for kind, variable in SHADES.items() if kind in occurring}
    plots = build(panels, shades)
    data = {
        "first": first if first in kept else next(iter(kept)),
        "limits": _limits(panels),
        "targets": list(targets),
        "models": models,
        "margins": [LEFT, RIGHT],
        "paint": plots.paint,
        "shown": {str(model): names for model, names in plots.shown.items()},
        "hovers": _hovers(panels, models, targets),
        "shades": list(shades),
        "trials": packed,
    }
    longest = max(len(next(iter(one.values())).time) for one in kept.values())
    return Explorer(
        groups=_groups(kept),
        models=[of_model(model, place) for place, model in enumerate(models)],
        drawn=[place for place, model in enumerate(models) if model in drawn],
        shades=list(shades),
        lines=[Legend("label", "--ink", width=3), *of_gates(next(iter(trials.values())).values())],
        thinned=detail.points if longest > detail.points else None,
        left_out=len(trials) - len(kept),
        data=_json(data),
        plots=_json(plots.item),
        script=Markup(script()),  # noqa: S704 (Bokeh's own script, whole)
    )


def share(megabytes: float, *, lines: int, trials: int) -> tuple[Detail, int]:
    """Return how finely each trial can be kept, and how many trials, for all to take about so many megabytes."""
    each = 1e6 * megabytes / trials
    need = _bytes(COARSEST, lines)
    if each < need:
        return COARSEST, max(1, int(1e6 * megabytes / need))
    part = min(1.0, (each - need) / (_bytes(FINEST, lines) - need))

    def between(coarse: int, fine: int) -> int:
        return coarse + int(part * (fine - coarse))

    return Detail(
        points=between(COARSEST.points, FINEST.points),
        thumbnails=between(COARSEST.thumbnails, FINEST.thumbnails),
        stretches=between(COARSEST.stretches, FINEST.stretches),
    ), trials


def _bytes(detail: Detail, lines: int) -> float:
    numbers = detail.points * (lines + 2) * _POINT
    return _TRIAL + numbers + detail.thumbnails * _THUMBNAIL + 4 / 3 * detail.stretches


def evenly(trials: Mapping[str, Mapping[str, TrialPrediction]], count: int) -> list[str]:
    """Choose `count` trials, folds and the test part in turns, and return them in their own order."""
    queues: dict[int | None, list[str]] = {}
    for trial, models in trials.items():
        queues.setdefault(next(iter(models.values())).fold, []).append(trial)
    turns = [
        queue[turn] for turn in range(max(map(len, queues.values()))) for queue in queues.values() if turn < len(queue)
    ]
    chosen = set(turns[:count])
    return [trial for trial in trials if trial in chosen]


def _groups(trials: Mapping[str, Mapping[str, TrialPrediction]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    folds = {trial: next(iter(models.values())).fold for trial, models in trials.items()}
    for trial, fold in sorted(folds.items(), key=lambda item: (item[1] is None, item[1] or 0, item[0])):
        groups.setdefault("Test, without labels" if fold is None else f"Fold {fold}", []).append(trial)
    return groups


def _dashes(place: int) -> tuple[int, ...]:
    return tuple(max(2, round(1.3 * dash)) for dash in np.ravel(series_style(place)["dashes"]) if dash is not None)


def _panels(models: Sequence[str], targets: Ranges, gates: Mapping[str, Mapping[str, Any]]) -> list[Panel]:
    panels = []
    for column, (target, (low, high)) in enumerate(targets.items()):
        of_models = [
            Line(f"{place}/{column}", VARIABLES[str(series_style(place)["color"])], _dashes(place), model=place)
            for place in range(len(models))
        ]
        label = Line(f"label/{column}", "--ink", width=2.4)
        panels.append(Panel("target", target.capitalize(), low, high, (label, *of_models)))
    for place, model in enumerate(models):
        for modality, names in gates[model].items():
            lines = tuple(_gate(place, modality, gate) for gate in names)
            title = f"{model} gates, {modality.replace('_', ' ')}"
            panels.append(Panel("gates", title, 0.0, 1.0, lines, model=place))
    panels.append(Panel("sound", "Sound, relative to its loudest moment", -1.0, 1.0, ()))
    return panels


def _gate(model: int, modality: str, gate: str) -> Line:
    style = gate_style(gate)
    dashes = tuple(max(2, round(1.3 * dash)) for dash in style["dashes"] if dash is not None)
    return Line(f"gate/{model}/{modality} {gate}", VARIABLES[str(style["color"])], dashes, width=1.3)


def _limits(panels: Sequence[Panel]) -> dict[str, tuple[float, float]]:
    """Return the limits between which each column is packed."""
    return {line.column: (panel.low, panel.high) for panel in panels for line in panel.lines}


def _hovers(panels: Sequence[Panel], models: Sequence[str], targets: Ranges) -> list[list[list[Any]]]:
    """Return the lines of each target's tooltip: the model's place, or nothing, a name, and a format of Bokeh's."""
    shown = []
    for column, (low, high) in enumerate(targets.values()):
        digits = "0.00" if high - low < 20 else "0.0"
        rows: list[list[Any]] = [[None, "time", "@time{0.00} s"], [None, "label", f"@{{label/{column}}}{{{digits}}}"]]
        rows += [[place, model, f"@{{{place}/{column}}}{{{digits}}}"] for place, model in enumerate(models)]
        shown.append(rows)
    return shown


def _json(value: object) -> Markup:
    """Write JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))  # noqa: S704 (no character of markup is left)
