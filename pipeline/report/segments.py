"""Stretches of a trial in which one modality carries no information, and how models and gates behave in them.

A corpus that knows such stretches (the demo corpus does; Aff-Wild2 does not) lists them in ``useless_segments.csv``
beside its media: trial, modality, kind, start_frame, end_frame, counted from 0, the end excluded.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.metrics import ccc
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.runtime.errors import InputError
from pipeline.runtime.names import shorten
from pipeline.runtime.tables import BadRows, read_rows

FILE = "useless_segments.csv"
COLUMNS = ["trial", "modality", "kind", "start_frame", "end_frame"]


@dataclass(frozen=True)
class Segment:
    """Frames [start, end) of a trial in which `modality` is useless; `kind` says why."""

    modality: str
    kind: str
    start: int
    end: int


Segments = Mapping[str, Sequence[Segment]]


@dataclass(frozen=True)
class Condition:
    """All validation frames in one condition.

    Parameters
    ----------
    name : ``all useful``, or the modalities that are useless
    frames : those with a label of at least one target; each target is scored on its own
    ccc : by model and target, over those frames of all folds together; mean over repeats
    gates : of the first repeat of models that have gates, by name of the gate, the mean weight of the attended features
    """

    name: str
    frames: int
    ccc: dict[str, dict[str, float]]
    gates: dict[str, dict[str, float]]


def read_segments(root: Path) -> dict[str, list[Segment]]:
    """Read a corpus' segments by trial; nothing if it lists none.

    Raises
    ------
    InputError
        Lists every row that cannot be read.
    """
    path = root / FILE
    if not path.is_file():
        return {}
    what = "the useless segments cannot be read"
    found: dict[str, list[Segment]] = {}
    bad = BadRows(path, f"write {','.join(COLUMNS)}, or remove the file")
    lines = read_rows(path, bad, what=what)
    _, header = next(lines, (1, []))
    if header != COLUMNS:
        bad.add(1, f"columns are {shorten(','.join(header))}, expected {','.join(COLUMNS)}")
        raise InputError(what, bad.problems())
    for number, row in lines:
        frames = [int(cell) for cell in row[3:] if re.fullmatch("[0-9]{1,9}", cell)]
        if len(row) != len(COLUMNS) or len(frames) != 2 or frames[0] >= frames[1]:
            bad.add(
                number, f"{shorten(','.join(row))} is no trial, modality, kind, first frame and one behind the last"
            )
        else:
            trial, modality, kind, *_ = row
            found.setdefault(trial, []).append(Segment(modality, kind, *frames))
    if bad:
        raise InputError(what, bad.problems())
    return found


def useless(segments: Sequence[Segment], *, frames: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Mark the frames in which each modality is useless: (t,) by modality."""
    marks: dict[str, npt.NDArray[np.bool_]] = {}
    for segment in segments:
        marks.setdefault(segment.modality, np.zeros(frames, dtype=bool))[segment.start : segment.end] = True
    return marks


def conditions(
    models: Mapping[str, Mapping[str, TrialPrediction]], segments: Segments, *, targets: Sequence[str]
) -> list[Condition]:
    """Score the validation frames of each condition apart.

    Parameters
    ----------
    models : validation predictions by model and trial
    segments : by trial
    targets : names of the k columns

    Returns
    -------
    The conditions in which every target is annotated, the one in which everything is useful first; nothing where no
    validation trial has a segment.
    """
    trials = next(iter(models.values()))
    names = {trial: _names(segments.get(trial, ()), frames=len(one.time)) for trial, one in trials.items()}
    occurring = sorted({str(name) for of_trial in names.values() for name in np.unique(of_trial)} - {_USEFUL})
    found = [_condition(name, models, names, targets=targets) for name in [_USEFUL, *occurring] if occurring]
    return [one for one in found if one is not None]


_USEFUL = "all useful"


def _names(segments: Sequence[Segment], *, frames: int) -> npt.NDArray[np.str_]:
    """Name the condition of every frame, (t,)."""
    marks = useless(segments, frames=frames)
    modalities = sorted(marks)
    combinations = [
        " and ".join(modality for bit, modality in enumerate(modalities) if code >> bit & 1)
        for code in range(1, 2 ** len(modalities))
    ]
    labels = np.array([_USEFUL, *(f"{combination} useless" for combination in combinations)])
    code = np.zeros(frames, dtype=np.int64)
    for bit, modality in enumerate(modalities):
        code += marks[modality].astype(np.int64) << bit
    return labels[code]


def _condition(
    name: str,
    models: Mapping[str, Mapping[str, TrialPrediction]],
    names: Mapping[str, npt.NDArray[np.str_]],
    *,
    targets: Sequence[str],
) -> Condition | None:
    scores: dict[str, dict[str, float]] = {}
    gates: dict[str, dict[str, float]] = {}
    frames = 0
    for model, trials in models.items():
        chosen = {trial: names[trial] == name for trial in trials}
        labels = np.concatenate([_labels(one)[chosen[trial]] for trial, one in trials.items()])
        count = len(next(iter(trials.values())).repeats)
        repeats = [
            np.concatenate([one.repeats[number][chosen[trial]] for trial, one in trials.items()])
            for number in range(count)
        ]
        annotated = ~np.isnan(labels)
        if not annotated.any(axis=0).all():
            return None
        frames = int(annotated.any(axis=1).sum())
        scores[model] = {
            target: float(np.mean([ccc(labels[annotated[:, k], k], said[annotated[:, k], k]) for said in repeats]))
            for k, target in enumerate(targets)
        }
        weights = {
            gate: np.concatenate([gate_weights(one)[gate][chosen[trial]] for trial, one in trials.items()])
            for gate in gate_weights(next(iter(trials.values())))
        }
        if weights:
            gates[model] = {gate: float(np.nanmean(values)) for gate, values in weights.items()}
    return Condition(name=name, frames=frames, ccc=scores, gates=gates)


def _labels(one: TrialPrediction) -> npt.NDArray[np.float32]:
    return one.labels if one.labels is not None else np.full_like(one.predictions, np.nan)


def _modality_then_stage(item: tuple[str, object]) -> tuple[str, bool]:
    return item[0].removeprefix("stage_"), item[0].startswith("stage_")


def gate_weights(one: TrialPrediction) -> dict[str, npt.NDArray[np.float32]]:
    """Return how much each gate lets through, (t,) by name: the weight of an iteration's attended features.

    GRJCA's gates are arrays ``<modality>`` (t, iterations, 2), whose column 1 weighs the features after the iteration,
    and ``stage_<modality>`` (t, iterations), whose last column weighs the last iteration's result. What a model that
    weighs votes expects of each voter, ``reliability_<voter>`` (t,), stands beside them.
    """
    found: dict[str, npt.NDArray[np.float32]] = {}
    for name, values in sorted(one.attention.items(), key=_modality_then_stage):
        if values.ndim == 3 and values.shape[2] == 2:
            for iteration in range(values.shape[1]):
                found[f"{name} {iteration + 1}"] = values[:, iteration, 1].astype(np.float32)
        elif values.ndim == 2 and name.startswith("stage_"):
            found[f"{name.removeprefix('stage_')} stage"] = values[:, -1].astype(np.float32)
        elif values.ndim == 1 and name.startswith("reliability_"):
            found[f"{name.removeprefix('reliability_')} reliability"] = values.astype(np.float32)
    return found
