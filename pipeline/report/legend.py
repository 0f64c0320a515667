"""Entries of legends: short lines in the colours of the page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.segments import gate_weights
from pipeline.report.svg import VARIABLES, series_style
from pipeline.report.traces import gate_style


@dataclass(frozen=True)
class Legend:
    """One entry of a legend: a short line in a CSS variable's colour."""

    name: str
    colour: str
    dashes: str = "none"
    width: float = 2.2


def of_model(model: str, index: int) -> Legend:
    """Return the entry of the `index`-th model of the page."""
    return _line(model, series_style(index))


def of_gates(trials: Iterable[TrialPrediction]) -> list[Legend]:
    """Return the entries of the gates and reliabilities that any of these predictions has."""
    gates = {name.rsplit(" ", 1)[1] for trial in trials for name in gate_weights(trial)}
    numbers = sorted(int(gate) for gate in gates if gate.isdecimal())
    entries = [_line(f"gate of iteration {number}", gate_style(str(number))) for number in numbers]
    others = {"stage": "stage gate", "reliability": "reliability"}
    return entries + [_line(text, gate_style(gate)) for gate, text in others.items() if gate in gates]


def _line(name: str, style: Mapping[str, Any]) -> Legend:
    dashes = [dash for dash in np.ravel(style["dashes"]) if dash is not None]
    return Legend(name, VARIABLES[str(style["color"])], " ".join(f"{dash * 1.4:g}" for dash in dashes) or "none")
