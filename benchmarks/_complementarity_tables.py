"""The tables of docs/complementarity.md, and what its picture shows, from the runs of benchmarks/complementarity.py."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks import _complementarity_figures as figures
from benchmarks._complementarity_figures import ALONE, CLEAN, CONDITIONS, Estimate
from benchmarks._complementarity_noise import Profile
from benchmarks._complementarity_plot import Curve, Panels
from benchmarks._complementarity_runs import (
    CONCATENATION,
    CONCATENATION_DROPOUT,
    FACE,
    FUSIONS,
    GATE,
    GATE_DROPOUT,
    GRJCA,
    LEADER,
    PUBLISHED,
    RJCA,
    SOFT,
    VOICE,
    Runs,
)
from benchmarks._complementarity_simulation import CONTRADICTORY, MODALITIES, USELESS, Trial
from benchmarks._demo import pm, table
from pipeline.report.significance import Interval

Estimates = Mapping[tuple[str, int, str], Estimate]
"""P by model, number of training trials and condition."""

AIM, MARGIN = 0.05, 0.01
"""The lead in useless stretches that the reliability gate is to have, and what it may lose in clean frames."""

DRAWN = (CONCATENATION, RJCA, GRJCA, LEADER, GATE, ALONE)
"""Models of the picture's curves; JCA and the soft gates run beside RJCA and GRJCA."""


def estimates(runs: Runs, trials: Sequence[Trial]) -> dict[tuple[str, int, str], Estimate]:
    """Estimate P for every model, number of trials and condition, with subjects and draws resampled."""
    return {
        (name, size, condition): figures.estimate(figures.moments(of_size, trials, condition))
        for name, of_model in runs.items()
        for size, of_size in of_model.items()
        for condition in CONDITIONS
    }


def agreement_table(runs: Runs, trials: Sequence[Trial], condition: str) -> str:
    """P of every model by number of training trials: mean and standard deviation over draws."""
    names = [*FUSIONS, ALONE] if condition != CLEAN else [*FUSIONS, FACE, VOICE]
    sizes = list(runs[CONCATENATION])
    rows = [[name, *(pm(figures.p_by_draw(runs[name][size], trials, condition)) for size in sizes)] for name in names]
    return table(["P", *(f"{size} trials" for size in sizes)], rows)


def lead_table(found: Estimates, first: str, others: Sequence[str], conditions: Sequence[str]) -> str:
    """How far one model is ahead of others, and the interval over subjects and draws."""
    sizes = sorted({size for _, size, _ in found})
    columns = [(condition, size) for condition in conditions for size in sizes]
    rows = [[f"less {other}", *(str(found[first, n, c] - found[other, n, c]) for c, n in columns)] for other in others]
    return table([first, *(f"{condition}, {size}" for condition, size in columns)], rows)


def told_table(runs: Runs, trials: Sequence[Trial]) -> str:
    """How well gates and reliabilities tell frames with a useless modality: AUC, mean and SD over draws."""
    sizes = list(runs[CONCATENATION])
    columns = [
        (state, modality, size) for state in (USELESS, CONTRADICTORY) for modality in MODALITIES for size in sizes
    ]
    rows = []
    for name in (GRJCA, SOFT, LEADER, GATE, GATE_DROPOUT):
        cells = []
        for state, modality, size in columns:
            found = [figures.told(run, trials, modality, state) for run in runs[name][size]]
            cells.append(pm([one for one in found if one is not None], digits=2))
        rows.append([name, *cells])
    parts = {"visual": "face", "audio": "voice"}
    return table(["AUC", *(f"{parts[modality]} {state}, {size}" for state, modality, size in columns)], rows)


def aim_table(found: Estimates) -> str:
    """Say of each number of trials whether the reliability gate reaches what it was made for."""
    rows = []
    for size in sorted({size for _, size, _ in found}):
        best = max(PUBLISHED, key=lambda name: found[name, size, USELESS].value)
        lead = found[GATE, size, USELESS] - found[best, size, USELESS]
        room = found[ALONE, size, USELESS] - found[best, size, USELESS]
        clean = found[GATE, size, CLEAN] - found[CONCATENATION, size, CLEAN]
        reached = lead.value >= AIM and lead.interval.low > 0
        aim, within = ("reached" if one else "missed" for one in (reached, clean.value >= -MARGIN))
        rows.append([str(size), best, str(lead), aim, str(room), str(clean), within])
    header = ["trials", "best published in useless stretches", "the gate's lead over it", f"aim of {AIM}"]
    header += [f"lead of {ALONE}", "clean, less concatenation", f"within {MARGIN}"]
    return table(header, rows)


def match_table(demo: Profile, simulated: Sequence[Profile]) -> str:
    """Put the figures of the demo's features beside those of several simulated worlds, mean and SD."""
    said = {
        "p": "P of a ridge regression, clean frames",
        "p_fitted": "the same on the frames it was fitted on",
        "leak": "share of variance between trials",
        "still": "correlation with the frame 0.25 s later",
        "dimensions": "dimensions (participation ratio)",
        "told": "AUC of a ridge for useless frames",
        "novel": "AUC of the distance from the mean for useless frames",
    }
    names = {"visual": "face", "audio": "voice", "both": "both"}
    rows = []
    for figure, text in said.items():
        for part, value in getattr(demo, figure).items():
            values = [getattr(one, figure)[part] for one in simulated]
            digits = 1 if figure == "dimensions" else 2
            rows.append([f"{text}, {names[part]}", f"{value:.{digits}f}", pm(values, digits=digits)])
    return table(["", "demo's features", "simulation"], rows)


def sections(runs: Runs, trials: Sequence[Trial]) -> dict[str, str]:
    """Return all tables by the name of their place in the page."""
    every = figures.with_other_alone(runs, trials)
    estimated = estimates(every, trials)
    others = [*PUBLISHED, CONCATENATION_DROPOUT, GATE_DROPOUT]
    found = {condition: agreement_table(every, trials, condition) for condition in CONDITIONS}
    found["aim"] = aim_table(estimated)
    found["leads"] = lead_table(estimated, GATE, others, (CLEAN, USELESS))
    found["leads contradictory"] = lead_table(estimated, GATE, others, (CONTRADICTORY,))
    found["dropout"] = lead_table(estimated, CONCATENATION_DROPOUT, [CONCATENATION], (CLEAN, USELESS))
    published = lead_table(estimated, GRJCA, [CONCATENATION, RJCA, SOFT], (CLEAN, USELESS))
    return found | {"published": published, "told": told_table(runs, trials)}


def panels(runs: Runs, trials: Sequence[Trial]) -> Panels:
    """Collect what is drawn."""
    every = figures.with_other_alone(runs, trials)
    sizes = list(every[CONCATENATION])
    curves: dict[str, dict[str, Curve]] = {}
    for condition in (CLEAN, USELESS, CONTRADICTORY):
        curves[condition] = {}
        for name in DRAWN:
            if (name, condition) == (ALONE, CLEAN):
                continue
            found = [figures.estimate(figures.moments(every[name][size], trials, condition)) for size in sizes]
            curves[condition][name] = Curve([one.value for one in found], [one.interval for one in found])
    told = {}
    for name in (GRJCA, LEADER, GATE):
        values = [
            [np.mean([figures.told(run, trials, modality) for modality in MODALITIES]) for run in runs[name][size]]
            for size in sizes
        ]
        spread = [Interval(float(min(of)), float(max(of))) for of in values]
        told[name] = Curve([float(np.mean(of)) for of in values], spread)
    return Panels(sizes=sizes, p=curves, told=told)
