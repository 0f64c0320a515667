"""The published numbers of reference tables, kept as data beside the code that compares with them."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from pipeline.models.config import PublishedKey
from pipeline.runtime.errors import ConfigError

VALIDATION = ("validation", "development")
"""Partitions of the tables that give one number, on the official split; the others are ``fold-<k>``."""


@dataclass(frozen=True)
class Entry:
    """One printed number: its table, the row's method, modality and backbones, and the partition it was measured on."""

    source: str
    dataset: str
    partition: str
    method: str
    backbones: str
    modality: str
    target: str
    value: float


@dataclass(frozen=True)
class PublishedRow:
    """The published row that a model is compared with.

    Parameters
    ----------
    key : where it stands
    dataset, backbones : as printed
    ccc : by target; the mean over folds where the table gives folds
    folds : by fold and target, where the table gives folds
    """

    key: PublishedKey
    dataset: str
    backbones: str
    ccc: dict[str, float]
    folds: dict[int, dict[str, float]]

    def compare(self, *, official_split: bool) -> "Comparison":
        """Say which of our figures the row's numbers compare with.

        Parameters
        ----------
        official_split : whether the corpus has a validation partition, which fold 0 then validates on
        """
        if self.folds:
            words = f"{len(self.folds)} folds, each beside the same fold here, and their mean beside the mean"
            return Comparison(words, self.folds, self.ccc)
        if official_split:
            words = (
                f"on the official validation set of {self.dataset}; beside fold 0, which validates on this corpus’ own"
            )
            return Comparison(words, {0: self.ccc}, {})
        return Comparison("on one split; the corpus here has none, so beside the mean", {}, self.ccc)


@dataclass(frozen=True)
class Comparison:
    """What a published row is held against.

    Parameters
    ----------
    words : what it was measured on, and where it stands
    folds : the numbers that stand beside a fold's figure, by fold and target
    mean : the numbers that stand beside the mean over folds, by target
    """

    words: str
    folds: dict[int, dict[str, float]]
    mean: dict[str, float]


def figure_of(ccc: Mapping[str, float], figure: str, *, targets: Sequence[str]) -> float | None:
    """Return a target's number, or the mean over `targets` for any other figure (P, which the tables do not print).

    None where the row lacks the target, or one of the targets.
    """
    if figure in targets:
        return ccc.get(figure)
    return float(np.mean([ccc[target] for target in targets])) if set(targets) <= ccc.keys() else None


@cache
def entries() -> tuple[Entry, ...]:
    """Return every number of the package's published.csv."""
    text = resources.files("pipeline.report").joinpath("published.csv").read_text(encoding="utf-8")
    return tuple(
        Entry(
            source=row["source"],
            dataset=row["dataset"],
            partition=row["partition"],
            method=row["method"],
            backbones=row["backbones"],
            modality=row["modality"],
            target=row["dimension"],
            value=float(row["value"]),
        )
        for row in csv.DictReader(text.splitlines())
        if row["metric"] == "CCC"
    )


def published_row(key: PublishedKey) -> PublishedRow:
    """Find the row of the published tables that `key` (``models.<model>.published``) names.

    Raises
    ------
    ConfigError
        If there is none; lists the rows that there are.
    """
    found = [e for e in entries() if (e.source, e.method, e.modality) == (key.source, key.method, key.modality)]
    if not found:
        known = sorted({_row(e.source, e.method, e.modality) for e in entries()})
        wanted = _row(key.source, key.method, key.modality)
        raise ConfigError("\n  ".join([f"published: there is no row {wanted}; known:", *known]))
    folds: dict[int, dict[str, float]] = {}
    for entry in found:
        if entry.partition not in VALIDATION:
            folds.setdefault(int(entry.partition.removeprefix("fold-")), {})[entry.target] = entry.value
    ccc = {
        target: float(np.mean([entry.value for entry in found if entry.target == target]))
        for target in dict.fromkeys(entry.target for entry in found)
    }
    return PublishedRow(key=key, dataset=found[0].dataset, backbones=found[0].backbones, ccc=ccc, folds=folds)


def _row(source: str, method: str, modality: str) -> str:
    return f"{{source: {source}, method: {method}, modality: {modality}}}"
