"""The page's first paragraph, in plain words computed from the results."""

from collections.abc import Mapping, Sequence

from pipeline.backbones.common.config import BackboneConfig
from pipeline.evaluation.config import EnsembleConfig
from pipeline.report.significance import Difference
from pipeline.report.sources import ranked
from pipeline.report.tables import CccTable
from pipeline.report.typeset import number

AFFWILD2_TRIALS = 500
"""Every release of Aff-Wild2 has more trials than this (561 to 594)."""


def standing(table: CccTable, others: Sequence[Difference], *, trials: int) -> str:
    """Say which model has the highest mean validation P, by how much, and what the intervals say of that.

    Parameters
    ----------
    table : all figures
    others : how far that model is ahead of each other one in P, the runner-up first; none where it is the only one
    trials : how many validation trials the intervals draw from
    """
    leader, *_ = ranked(table)
    folds = f"{len(leader.folds)} folds" if len(leader.folds) > 1 else "one fold"
    repeats = f" and {number(leader.sd_repeats)} over {leader.repeats} repeats" if leader.repeats > 1 else ""
    kind = "ensemble" if leader.members else "model"
    spread = f"(SD {number(leader.sd)} over {folds}{repeats}; P is the mean CCC of the targets)"
    if not others:
        return f"The {kind} {leader.model} has a mean validation P of {number(leader.mean)} {spread}."
    drawn = f"{trials} validation trials{' and of repeats' if all(line.repeats > 1 for line in table.lines) else ''}"
    ties = [other.second for other in others if not other.clear]
    rest = [other.second for other in others if other.clear]
    next_best = others[0]
    text = (
        f"The {kind} {leader.model} has the highest mean validation P, {number(leader.mean)} {spread}, "
        f"{number(next_best.value)} above {next_best.second}. Over the choice of the {drawn}, "
    )
    if not ties:
        return f"{text}the 95\u00a0% {_intervals(rest)} from {listed(rest)} {_verb(rest, 'exclude')} zero."
    text += f"the 95\u00a0% {_intervals(ties)} from {listed(ties)} {_verb(ties, 'include')} zero"
    if not rest:
        return f"{text}, so on these trials the order may be chance."
    return f"{text}; {'those' if len(rest) > 1 else 'that'} from {listed(rest)} {_verb(rest, 'exclude')} it."


def _intervals(names: Sequence[str]) -> str:
    return "intervals of its differences" if len(names) > 1 else "interval of its difference"


def _verb(names: Sequence[str], verb: str) -> str:
    return verb if len(names) > 1 else f"{verb}s"


def trained(repeats: Mapping[str, int]) -> str:
    """Say how often each fold was trained, and that the spread over seeds is unknown where that was once.

    Parameters
    ----------
    repeats : of each model and ensemble
    """
    once = [name for name, count in repeats.items() if count == 1]
    several = {
        count: [name for name in repeats if repeats[name] == count] for count in sorted({*repeats.values()} - {1})
    }
    if not several:
        return "Each fold was trained once: how far another seed would move these figures is unknown."
    means = "a fold's figure is the mean over these repeats"
    if not once and len(several) == 1:
        return f"Each fold was trained with {next(iter(several))} seeds; {means}."
    parts = [f"with {count} seeds for {listed(names)}" for count, names in several.items()]
    text = f"Each fold was trained {listed(parts)}; {means}."
    if not once:
        return text
    return f"{text} For {listed(once)} it was trained once: how far another seed would move these figures is unknown."


def caution(backbones: Mapping[str, BackboneConfig], *, kind: str, trials: int, published: bool) -> str:
    """Say what keeps these figures from being compared with published ones; empty if nothing known does."""
    untrained = [name for name, config in backbones.items() if config.weights == "random"]
    reasons = []
    if untrained:
        which = "all backbones" if len(untrained) == len(backbones) else listed(untrained)
        verb = "run" if len(untrained) > 1 or len(untrained) == len(backbones) > 1 else "runs"
        which, verb = ("its only backbone", "runs") if len(backbones) == 1 else (which, verb)
        reasons.append(f"{which} {verb} with random weights, not with pretrained ones")
    # Only Aff-Wild2's layout is also that of a rendered corpus, which can be told by its size.
    if kind == "affwild2" and trials < AFFWILD2_TRIALS:
        reasons.append(f"the corpus has {trials} trials and is not the one of the publications")
    if not reasons:
        return ""
    beside = " Published numbers stand beside them for orientation only." if published else ""
    return f"These figures are not comparable with the published ones: {', and '.join(reasons)}.{beside}"


WAYS = {"mean": "the mean of", "ccc_centred": "the CCC-centred mean of"}
"""How an ensemble's members become one, in words."""


def made_of(ensembles: Mapping[str, EnsembleConfig]) -> str:
    """Say what each ensemble is made of; empty where there is none."""
    return " ".join(
        f"{name} is an ensemble: {WAYS[config.combine]} {listed(config.models)}." for name, config in ensembles.items()
    )


def listed(names: Sequence[str]) -> str:
    """Join names as in prose: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
