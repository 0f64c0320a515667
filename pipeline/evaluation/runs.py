"""The trainings of one model: each fold is trained once or, with ``training.repeats``, with several seeds."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.runtime.errors import InputError, Problem


class Run(NamedTuple):
    """One training of a model.

    Parameters
    ----------
    fold : number of the fold
    repeat : 0, or the number of a further training of the same fold with another seed
    """

    fold: int
    repeat: int = 0

    @property
    def file(self) -> str:
        """Name of the trained network's file in ``models/<model>``."""
        return f"fold{self.fold}-repeat{self.repeat}.safetensors" if self.repeat else f"fold{self.fold}.safetensors"

    def __str__(self) -> str:
        return f"fold {self.fold} repeat {self.repeat}" if self.repeat else f"fold {self.fold}"


_REPEAT = re.compile(r"fold\d+-repeat(\d+)\.safetensors")


def find_runs(folder: Path, *, folds: int, remedy: str) -> dict[Run, Path]:
    """Find the trained networks of a model; every fold has as many repeats.

    Parameters
    ----------
    folder : ``models/<model>``
    folds : how many folds there are
    remedy : what to do about a network that is missing

    Raises
    ------
    InputError
        Lists every network that is missing.
    """
    further = [int(found[1]) for path in folder.glob("*") if (found := _REPEAT.fullmatch(path.name))]
    runs = {run: folder / run.file for run in all_runs(range(folds), repeats=1 + max(further, default=0))}
    missing = [
        Problem(f"{run} was not trained", file=str(path), remedy=remedy)
        for run, path in runs.items()
        if not path.is_file()
    ]
    if missing:
        raise InputError("trained networks are missing", missing)
    return runs


def all_runs(folds: Iterable[int], *, repeats: int) -> list[Run]:
    """Return every repeat of every fold, fold by fold."""
    return [Run(fold, repeat) for fold in folds for repeat in range(repeats)]
