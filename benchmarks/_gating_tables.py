"""The tables of docs/gating.md, and what its picture shows, from the runs of benchmarks/gating.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import _gating_figures as figures
from benchmarks._gating_figures import CLEAN, CONDITIONS, FACE, VOICE
from benchmarks._gating_plot import Panels
from pipeline.evaluation.metrics import mean_and_sd
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.segments import Segments

SEEDS, SIDE_SEEDS = 5, 2
CONCATENATION, RJCA, GRJCA, SOFT = "concatenation", "RJCA", "GRJCA, T = 0.1", "GRJCA, T = 1"
RJCA_PRINTED, GRJCA_PRINTED = "RJCA as printed", "GRJCA as printed"
FACE_ALONE, VOICE_ALONE = "face alone", "voice alone"
EPOCHS = (1, 10, 20, 30)
COMPARED = (CONCATENATION, RJCA, GRJCA, SOFT)


@dataclass(frozen=True)
class Run:
    """One model trained with one seed: its held-out trials, and each fold's training loss and P by epoch."""

    trials: tuple[TrialPrediction, ...]
    losses: tuple[tuple[float, ...], ...]
    best: tuple[float, ...]


@dataclass(frozen=True)
class Start:
    """An untrained network on the first windows.

    Parameters
    ----------
    sizes : standard deviation of the (audio, visual) features behind the encoders and after each iteration
    at_ends : share of predictions at the ends of the range
    """

    sizes: tuple[tuple[float, float], ...]
    at_ends: float


Runs = Mapping[str, Sequence[Run]]


def pm(values: Sequence[float]) -> str:
    """Write mean and standard deviation."""
    mean, sd = mean_and_sd(list(values))
    return f"{mean:.3f} ± {sd:.3f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


def agreement_table(runs: Runs, segments: Segments, targets: Sequence[str]) -> str:
    """P and each target's CCC by model and condition, over seeds."""
    counts = figures.annotated(next(iter(runs.values()))[0].trials, segments)
    header = ["", "", *(f"{name} ({counts[name][0]} frames, {counts[name][1]} trials)" for name in CONDITIONS)]
    rows = []
    for name in (*COMPARED, FACE_ALONE, VOICE_ALONE):
        of_runs = [figures.agreement(run.trials, segments, targets=targets) for run in runs[name]]
        for figure in ("P", *targets):
            cells = [pm([one[condition][figure] for one in of_runs]) for condition in CONDITIONS]
            rows.append([f"**{name}**" if figure == "P" else "", figure, *cells])
    return table(header, rows)


def lead_table(runs: Runs, segments: Segments, targets: Sequence[str]) -> str:
    """GRJCA's lead in P: the spread over seeds, and the interval over trials."""
    rows = []
    for first, second in ((GRJCA, RJCA), (GRJCA, CONCATENATION), (RJCA, CONCATENATION), (SOFT, GRJCA)):
        cells = []
        for condition in CONDITIONS:
            one, other = ([run.trials for run in runs[name]] for name in (first, second))
            seeds = [figures.p_by_seed(side, segments, condition, targets=targets) for side in (one, other)]
            interval = figures.lead_interval(one, other, segments, condition=condition, targets=targets)
            difference = pm([a - b for a, b in zip(*seeds, strict=True)])
            cells.append(f"{difference} [{interval.low:.3f}, {interval.high:.3f}]")
        rows.append([f"{first} less {second}", *cells])
    return table(["P", *CONDITIONS], rows)


def gate_table(runs: Sequence[Run], segments: Segments) -> str:
    """Each gate's mean weight by condition, and how well it separates the conditions."""
    series = [figures.gate_series(run.trials, segments) for run in runs]
    rows = []
    for gate in series[0]:
        means = [pm([float(one[gate][name].mean()) for one in series]) for name in (CLEAN, FACE, VOICE)]
        told = [pm([figures.separation(one[gate][name], one[gate][CLEAN]) for one in series]) for name in (FACE, VOICE)]
        switch = f"{100 * np.mean([figures.closed_or_open(one[gate]) for one in series]):.0f} %"
        rows.append([gate, *means, *told, switch])
    header = ["gate", CLEAN, FACE, VOICE, "AUC, face useless", "AUC, voice useless", "shut or open"]
    return table(header, rows)


def bound_table(runs: Runs) -> str:
    """How training goes with and without the tanh within H."""
    rows = []
    for name in (RJCA_PRINTED, RJCA, GRJCA_PRINTED, GRJCA):
        chosen = runs[name][:SIDE_SEEDS]
        curves = [curve for run in chosen for curve in run.losses]
        losses = [pm([curve[min(epoch, len(curve)) - 1] for curve in curves]) for epoch in EPOCHS]
        rows.append([bounded(name), *losses, pm([p for run in chosen for p in run.best])])
    return table(["", *(f"loss, epoch {epoch}" for epoch in EPOCHS), "best validation P"], rows)


def start_table(starts: Mapping[str, Start]) -> str:
    """How large features are before the first step of training."""
    rows = []
    for name, start in starts.items():
        sizes = [f"{audio:.1f}, {visual:.1f}" for audio, visual in start.sizes]
        rows.append([bounded(name), *sizes, f"{100 * start.at_ends:.0f} %"])
    iterations = range(1, len(next(iter(starts.values())).sizes))
    after = [f"after iteration {number}" for number in iterations]
    return table(["audio, visual features", "encoded", *after, "predictions at ±1"], rows)


def bounded(name: str) -> str:
    """Say of a model that is not as printed what it has instead."""
    return name if name in (RJCA_PRINTED, GRJCA_PRINTED) else f"{name}, tanh"


def sections(runs: Runs, segments: Segments, targets: Sequence[str], *, start: Mapping[str, Start]) -> dict[str, str]:
    """Return all tables by the name of their place in the page."""
    return {
        "agreement": agreement_table(runs, segments, targets),
        "leads": lead_table(runs, segments, targets),
        "gates": gate_table(runs[GRJCA], segments),
        "gates soft": gate_table(runs[SOFT], segments),
        "bound": bound_table(runs),
        "start": start_table(start),
    }


def panels(runs: Runs, segments: Segments, targets: Sequence[str]) -> Panels:
    """Collect what is drawn."""

    def p_of(name: str, condition: str) -> list[float]:
        return figures.p_by_seed([run.trials for run in runs[name]], segments, condition, targets=targets)

    series = [figures.gate_series(run.trials, segments) for run in runs[GRJCA]]
    pairs = ((f"{GRJCA}, tanh", GRJCA), (GRJCA_PRINTED, GRJCA_PRINTED), (f"{RJCA}, tanh", RJCA), (RJCA_PRINTED,) * 2)
    return Panels(
        p={name: {c: p_of(name, c) for c in (CLEAN, FACE, VOICE)} for name in COMPARED},
        gates={
            gate: {c: [float(one[gate][c].mean()) for one in series] for c in (CLEAN, FACE, VOICE)}
            for gate in series[0]
        },
        losses={label: [curve for run in runs[name][:SIDE_SEEDS] for curve in run.losses] for label, name in pairs},
    )
