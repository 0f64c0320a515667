"""The tables of docs/gating.md, and what its picture shows, from the runs of benchmarks/gating.py."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks import _gating_figures as figures
from benchmarks._demo import pm, table
from benchmarks._gating_figures import CLEAN, CONDITIONS, FACE, VOICE, Trials
from benchmarks._gating_plot import Panels
from pipeline.report.segments import Segments

SIDE_SEEDS = 2
CONCATENATION, RJCA, GRJCA, SOFT = "concatenation", "RJCA", "GRJCA, T = 0.1", "GRJCA, T = 1"
FACE_ALONE, VOICE_ALONE = "face alone", "voice alone"
COMPARED = (CONCATENATION, RJCA, GRJCA, SOFT)


Runs = Mapping[str, Sequence[Trials]]
"""By model, the held-out trials of each seed."""


def agreement_table(runs: Runs, segments: Segments, targets: Sequence[str]) -> str:
    """P and each target's CCC by model and condition, over seeds."""
    counts = figures.annotated(next(iter(runs.values()))[0], segments)
    header = ["", "", *(f"{name} ({counts[name][0]} frames, {counts[name][1]} trials)" for name in CONDITIONS)]
    rows = []
    for name in (*COMPARED, FACE_ALONE, VOICE_ALONE):
        of_runs = [figures.agreement(run, segments, targets=targets) for run in runs[name]]
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
            one, other = runs[first], runs[second]
            seeds = [figures.p_by_seed(side, segments, condition, targets=targets) for side in (one, other)]
            interval = figures.lead_interval(one, other, segments, condition=condition, targets=targets)
            difference = pm([a - b for a, b in zip(*seeds, strict=True)])
            cells.append(f"{difference} [{interval.low:.3f}, {interval.high:.3f}]")
        rows.append([f"{first} less {second}", *cells])
    return table(["P", *CONDITIONS], rows)


def gate_table(runs: Sequence[Trials], segments: Segments) -> str:
    """Each gate's mean weight by condition, and how well it separates the conditions."""
    series = [figures.gate_series(run, segments) for run in runs]
    rows = []
    for gate in series[0]:
        means = [pm([float(one[gate][name].mean()) for one in series]) for name in (CLEAN, FACE, VOICE)]
        told = [pm([figures.separation(one[gate][name], one[gate][CLEAN]) for one in series]) for name in (FACE, VOICE)]
        switch = f"{100 * np.mean([figures.closed_or_open(one[gate]) for one in series]):.0f} %"
        rows.append([gate, *means, *told, switch])
    header = ["gate", CLEAN, FACE, VOICE, "AUC, face useless", "AUC, voice useless", "shut or open"]
    return table(header, rows)


def sections(runs: Runs, segments: Segments, targets: Sequence[str]) -> dict[str, str]:
    """Return all tables by the name of their place in the page."""
    return {
        "agreement": agreement_table(runs, segments, targets),
        "leads": lead_table(runs, segments, targets),
        "gates": gate_table(runs[GRJCA], segments),
        "gates soft": gate_table(runs[SOFT], segments),
    }


def panels(runs: Runs, segments: Segments, targets: Sequence[str]) -> Panels:
    """Collect what is drawn."""

    def p_of(name: str, condition: str) -> list[float]:
        return figures.p_by_seed(runs[name], segments, condition, targets=targets)

    series = [figures.gate_series(run, segments) for run in runs[GRJCA]]
    return Panels(
        p={name: {c: p_of(name, c) for c in (CLEAN, FACE, VOICE)} for name in COMPARED},
        gates={
            gate: {c: [float(one[gate][c].mean()) for one in series] for c in (CLEAN, FACE, VOICE)}
            for gate in series[0]
        },
    )
