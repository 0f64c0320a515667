"""One trial as the page's script reads it: its numbers, packed, its pictures, and what they show in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.clips.runs import runs
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.packed import pack, pack_bytes, pack_times
from pipeline.report.segments import Segment, gate_weights
from pipeline.report.strips import Strips
from pipeline.report.traces import Ranges, of_trial, span, thinned
from pipeline.report.typeset import number

SHADES = {
    "visual": "--shade-visual",
    "audio": "--shade-audio",
    "no face": "--shade-missing",
    "no label": "--muted",
}
"""CSS variable by kind of stretch: a modality that is useless, or what is missing."""


@dataclass(frozen=True)
class Detail:
    """How finely a trial is kept.

    Parameters
    ----------
    points : at most so many per line; longer trials are means of neighbouring frames
    thumbnails : at most so many
    stretches : at most so many values of loudness
    """

    points: int
    thumbnails: int
    stretches: int


def pack_trial(
    models: Mapping[str, TrialPrediction],
    strips: Strips,
    segments: Sequence[Segment],
    *,
    targets: Ranges,
    detail: Detail,
) -> dict[str, Any]:
    """Return everything that the page holds of one trial.

    Parameters
    ----------
    models : each model's prediction of it, in the page's order
    strips : what its clip gives
    segments : its useless segments
    targets : names and ranges of the k columns
    detail : how finely
    """
    one = next(iter(models.values()))
    time, columns = one.time, {}
    for column, (low, high) in enumerate(targets.values()):
        if one.labels is not None:
            columns[f"label/{column}"] = (one.labels[:, column], low, high)
        for place, prediction in enumerate(models.values()):
            columns[f"{place}/{column}"] = (prediction.predictions[:, column], low, high)
    for place, prediction in enumerate(models.values()):
        columns |= {f"gate/{place}/{name}": (values, 0.0, 1.0) for name, values in gate_weights(prediction).items()}
    shades = stretches(one, strips, segments)
    scores = {model: of_trial(prediction, len(targets)) for model, prediction in models.items()}
    return {
        "words": words(one, shades, scores, targets=targets),
        "seconds": round(float(max(time[-1], strips.seconds)), 3) or 1.0,
        "time": pack_times(thinned(time, time, points=detail.points)[0]),
        "columns": {
            name: pack(thinned(time, values, points=detail.points)[1], low=low, high=high)
            for name, (values, low, high) in columns.items()
        },
        "sound": {"seconds": round(strips.seconds, 4), "loudness": pack_bytes(strips.loudness.tobytes())},
        "faces": {"times": [round(float(at), 2) for at in strips.times], "jpeg": pack_bytes(strips.thumbnails)},
        "shades": shades,
        "ccc": [[number(value) for value in of_model] if of_model else [] for of_model in scores.values()],
    }


def stretches(one: TrialPrediction, strips: Strips, segments: Sequence[Segment]) -> list[list[Any]]:
    """Return kind, first and last second, and a word, of each stretch that is useless or misses something."""
    found: list[list[Any]] = []
    for segment in segments:
        if segment.modality in SHADES:
            start, end = span(segment, one.time)
            found.append([segment.modality, round(start, 3), round(end, 3), segment.kind])
    # A clip has a row for every frame of the predictions.
    missing = {"no face": np.logical_not(strips.face_valid)}
    if one.labels is not None:
        missing["no label"] = np.logical_and.reduce(np.isnan(one.labels), axis=1)
    for kind, marks in missing.items():
        for first, behind in runs(marks):
            start, end = span(Segment("", "", first, behind), one.time)
            found.append([kind, round(start, 3), round(end, 3), ""])
    return found


def words(
    one: TrialPrediction, shades: Sequence[Sequence[Any]], scores: Mapping[str, Sequence[float]], *, targets: Ranges
) -> str:
    """Say in sentences what the panels show of a trial."""
    where = "a test trial, whose labels are not known" if one.fold is None else f"held out in fold {one.fold}"
    said = [f"{one.trial}, {where}: {len(one.time)} frames in {one.time[-1]:.1f} s."]
    useless = [f"{kind} from {start:.1f} to {end:.1f} s ({word})" for kind, start, end, word in shades if word]
    said += [f"Useless: {'; '.join(useless)}."] if useless else []
    for kind in ("no face", "no label"):
        spans = [end - start for which, start, end, _ in shades if which == kind]
        places = "one place" if len(spans) == 1 else f"{len(spans)} places"
        said += [f"There is {kind} in {places}, {sum(spans):.1f} s together."] if spans else []
    known = {model: float(np.mean(of_model)) for model, of_model in scores.items() if len(of_model)}
    if len(known) > 1:
        best = max(known, key=lambda model: known[model])
        said.append(f"The highest mean CCC on this trial is that of {best}, {number(known[best])}.")
    return " ".join(said)
