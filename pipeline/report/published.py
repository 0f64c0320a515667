"""The published numbers of reference tables, kept as data beside the code that compares with them."""

import csv
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

    @property
    def p(self) -> float:
        """Mean CCC over the row's targets; computed, as the tables do not print it."""
        return float(np.mean(list(self.ccc.values())))

    @property
    def partition(self) -> str:
        """On what the row was measured, in words."""
        return f"mean of {len(self.folds)} folds" if self.folds else "official validation set"


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
