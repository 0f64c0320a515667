"""The numbers behind docs/gating.md: frames split by what is useless in them, and figures over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from pipeline.evaluation.metrics import overall, score_targets
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.segments import Segment, Segments, gate_weights, useless
from pipeline.report.significance import LEVEL, Interval, bootstrap

CLEAN, FACE, VOICE, EITHER = "clean", "face useless", "voice useless", "one useless"
CONDITIONS = (CLEAN, FACE, VOICE, EITHER)

Trials = Sequence[TrialPrediction]
Mask = npt.NDArray[np.bool_]
Series = npt.NDArray[np.floating]


def split(segments: Sequence[Segment], *, frames: int) -> dict[str, Mask]:
    """Mark the frames of each condition, (t,); frames in which both modalities are useless belong to none."""
    marks = useless(segments, frames=frames)
    nothing = np.zeros(frames, dtype=bool)
    face, voice = marks.get("visual", nothing), marks.get("audio", nothing)
    return {CLEAN: ~face & ~voice, FACE: face & ~voice, VOICE: voice & ~face, EITHER: face ^ voice}


def restrict(trials: Trials, segments: Segments, condition: str) -> list[TrialPrediction]:
    """Return the trials with no label outside `condition`, as held-out trials of one fold.

    One fold, because a fold has only two or three trials with a useless face: CCC is taken over all of them together.
    """
    kept = []
    for one in trials:
        assert one.labels is not None
        chosen = split(segments.get(one.trial, ()), frames=len(one.time))[condition]
        kept.append(replace(one, labels=np.where(chosen[:, None], one.labels, np.nan).astype(np.float32), fold=0))
    return kept


def agreement(trials: Trials, segments: Segments, *, targets: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return each condition's CCC by target, and P, over the frames of all trials together."""
    found = {}
    for condition in CONDITIONS:
        inside = restrict(trials, segments, condition)
        labels = np.concatenate([one.labels for one in inside if one.labels is not None])
        scores = score_targets(labels, np.concatenate([one.predictions for one in inside]), targets=targets)
        found[condition] = {target: one.ccc for target, one in scores.items()} | {"P": overall(scores)}
    return found


def annotated(trials: Trials, segments: Segments) -> dict[str, tuple[int, int]]:
    """Return how many frames with a label of any target each condition has, and in how many trials."""
    found = {}
    for condition in CONDITIONS:
        inside = restrict(trials, segments, condition)
        counts = [int((~np.isnan(one.labels)).any(axis=1).sum()) for one in inside if one.labels is not None]
        found[condition] = (sum(counts), sum(count > 0 for count in counts))
    return found


def lead_interval(
    first: Sequence[Trials], second: Sequence[Trials], segments: Segments, *, condition: str, targets: Sequence[str]
) -> Interval:
    """Return the bootstrap interval of the first's lead over the second: mean P over seeds in `condition`.

    The same trials are drawn for all seeds and both models, so the interval says how far the lead hangs on the trials
    that happen to be there; the spread over seeds says how far it hangs on the training.

    Parameters
    ----------
    first, second : the trials of each seed's run
    """
    of_first, of_second = (
        [bootstrap(restrict(trials, segments, condition), targets=targets).samples["P"] for trials in side]
        for side in (first, second)
    )
    samples = np.mean(of_first, axis=0) - np.mean(of_second, axis=0)
    low, high = np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def p_by_seed(runs: Sequence[Trials], segments: Segments, condition: str, *, targets: Sequence[str]) -> list[float]:
    """Return the P of each run in `condition`."""
    return [agreement(trials, segments, targets=targets)[condition]["P"] for trials in runs]


def weights(one: TrialPrediction) -> dict[str, Series]:
    """Return a trial's gates, (t,) by name: `gate_weights`, and for each modality the weight of its own features.

    ``<modality> own`` is the weight with which the encoder's features, untouched by attention, enter the sum over
    iterations: that of column 0 of the first gate times that of the first iteration's result.
    """
    found: dict[str, Series] = dict(gate_weights(one))
    for modality in ("audio", "visual"):
        if f"stage_{modality}" in one.attention:
            first = one.attention[modality][:, 0, 0]
            found[f"{modality} own"] = first * one.attention[f"stage_{modality}"][:, 0]
    return found


def gate_series(trials: Trials, segments: Segments) -> dict[str, dict[str, Series]]:
    """Return by gate and condition the weights in all frames of all trials; nothing for a model without gates."""
    parts: dict[str, dict[str, list[Series]]] = {}
    for one in trials:
        masks = split(segments.get(one.trial, ()), frames=len(one.time))
        for gate, values in weights(one).items():
            for condition, chosen in masks.items():
                parts.setdefault(gate, {}).setdefault(condition, []).append(values[chosen])
    return {gate: {name: np.concatenate(values) for name, values in of.items()} for gate, of in parts.items()}


def separation(inside: Series, outside: Series) -> float:
    """Return the chance that a value of `inside` exceeds one of `outside`: 1/2 where they are alike (the AUC)."""
    if not len(inside) or not len(outside):
        raise ValueError(f"need values on both sides, got {len(inside)} and {len(outside)}")
    ranks = rankdata(np.concatenate([inside, outside]))[: len(inside)]
    return float((ranks.mean() - (len(inside) + 1) / 2) / len(outside))


def closed_or_open(series: Mapping[str, Series], *, margin: float = 0.05) -> float:
    """Return the share of clean or one-sided frames in which a gate is within `margin` of 0 or 1."""
    values = np.concatenate([series[CLEAN], series[EITHER]])
    return float(np.mean((values < margin) | (values > 1 - margin)))


def at_ends(predictions: Series, *, limits: tuple[float, float] = (-1.0, 1.0), margin: float = 0.01) -> float:
    """Return the share of predictions within `margin` of the range from either end of it."""
    reach = margin * (limits[1] - limits[0])
    return float(np.mean((predictions < limits[0] + reach) | (predictions > limits[1] - reach)))
