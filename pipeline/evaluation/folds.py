"""Cross-validation: which trials a fold trains on and which it is validated on.

`abaw` is the partition of the published six-fold experiments: trials sorted by name, the training set cut into
consecutive blocks, the official validation set as last group; fold k rolls the groups right by k and validates on the
last. `subject` keeps all trials of one subject on one side.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import name_fault, shorten


class Member(Protocol):
    """What a fold needs to know of a trial; a row of the clips' manifest has it."""

    @property
    def trial(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> Literal["train", "validation", "test"]: ...  # noqa: D102
    @property
    def subject(self) -> str: ...  # noqa: D102
    @property
    def frames(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Fold:
    """Names of the trials on either side, sorted."""

    train: tuple[str, ...]
    validation: tuple[str, ...]


@dataclass(frozen=True)
class Folds:
    """All folds of an experiment, and the trials without labels that only predictions are made for."""

    scheme: Literal["abaw", "subject"]
    folds: tuple[Fold, ...]
    test: tuple[str, ...]


def make_folds(members: Sequence[Member], *, scheme: Literal["abaw", "subject"], count: int) -> Folds:
    """Split the labelled trials into `count` folds; fold 0 is the corpus' official split where it has one.

    Raises
    ------
    InputError
        There are too few trials or subjects for so many folds, or `abaw` finds no validation partition.
    """
    ordered = sorted(members, key=lambda member: member.trial)
    train = [member for member in ordered if member.partition == "train"]
    validation = [member for member in ordered if member.partition == "validation"]
    if not validation and scheme == "abaw":
        message = "no trial is in the partition validation, which fold 0 validates on"
        raise _refuse(message, "put trials into the corpus' validation partition, or use `folds.scheme: subject`")
    if scheme == "subject" and validation:
        together = {member.subject for member in validation}
        validation += [member for member in train if member.subject in together]
        train = [member for member in train if member.subject not in together]
    # A corpus without an official split is cut into as many groups as there are folds.
    blocks = (by_subject if scheme == "subject" else consecutive)(train, count - 1 if validation else count)
    groups = [[member.trial for member in block] for block in (*blocks, *([validation] if validation else ()))]
    folds = [_fold(groups, held_out=count - 1 - number) for number in range(count)]
    test = tuple(member.trial for member in ordered if member.partition == "test")
    return Folds(scheme=scheme, folds=tuple(folds), test=test)


def consecutive(members: Sequence[Member], count: int) -> list[list[Member]]:
    """Cut into consecutive blocks of equal size; 356 trials in five are cut at 71, 142, 213 and 284, as published."""
    if len(members) < count:
        raise _refuse(f"{len(members)} trials in the partition train for {count} groups", _fewer(len(members)))
    cuts = [number * len(members) // count for number in range(count + 1)]
    return [list(members[first:last]) for first, last in pairwise(cuts)]


def by_subject(members: Sequence[Member], count: int) -> list[list[Member]]:
    """Group whole subjects so that the groups have about the same number of frames.

    The subject with most frames goes first, each to the group that is smallest by then; ties fall by name and number.
    """
    frames: dict[str, int] = {}
    for member in members:
        frames[member.subject] = frames.get(member.subject, 0) + member.frames
    if len(frames) < count:
        message = f"{len(frames)} subjects in the partition train for {count} groups"
        raise _refuse(f"{message} (beside those of the partition validation)", _fewer(len(frames)))
    sizes = [0] * count
    group_of: dict[str, int] = {}
    for subject in sorted(frames, key=lambda subject: (-frames[subject], subject)):
        # An empty group goes before one whose subjects happen to have no frames.
        group = min(range(count), key=lambda number: (sizes[number], number in group_of.values(), number))
        group_of[subject] = group
        sizes[group] += frames[subject]
    return [[member for member in members if group_of[member.subject] == group] for group in range(count)]


def write_folds(path: Path, folds: Folds) -> None:
    """Write the folds as JSON that names every trial."""
    data = {
        "scheme": folds.scheme,
        "folds": [{"train": fold.train, "validation": fold.validation} for fold in folds.folds],
        "test": folds.test,
    }
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def read_folds(path: Path) -> Folds:
    """Read what `write_folds` wrote.

    Raises
    ------
    InputError
        The file is missing, or is not what `write_folds` wrote.
    """
    remedy = "run `dvc repro folds`"
    if not path.is_file():
        raise InputError("no folds", [Problem("missing", file=str(path), remedy=remedy)])
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        folds = [Fold(train=_names(fold["train"]), validation=_names(fold["validation"])) for fold in data["folds"]]
        return Folds(scheme=data["scheme"], folds=tuple(folds), test=_names(data["test"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = shorten(str(error), 200)
        problem = Problem(f"not the folds of this version: {reason}", file=str(path), remedy=remedy)
        raise InputError("unusable folds", [problem]) from error


def _names(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        fault = name_fault(name)
        if fault:
            raise ValueError(f"trial {fault}")
    return tuple(names)


def _fold(groups: Sequence[Sequence[str]], *, held_out: int) -> Fold:
    train = [trial for number, group in enumerate(groups) if number != held_out for trial in group]
    return Fold(train=tuple(sorted(train)), validation=tuple(sorted(groups[held_out])))


def _fewer(groups: int) -> str:
    return f"set folds.count to at most {groups + 1}" if groups else "put trials into the corpus' train partition"


def _refuse(message: str, remedy: str) -> InputError:
    return InputError("the folds cannot be made", [Problem(message, remedy=remedy)])
