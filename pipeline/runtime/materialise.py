"""Items from the cache, from earlier results, or computed on the executor."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pipeline.runtime.checking import check_side_by_side
from pipeline.runtime.errors import AffectflowError, InputError, Problem
from pipeline.runtime.estimate import COUNT, count_missing, timed
from pipeline.runtime.executor import Executor, run
from pipeline.runtime.folders import sweep
from pipeline.runtime.items import Item, ItemCache, libraries
from pipeline.runtime.progress import Progress
from pipeline.runtime.seeds import Seeds

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """An item whose function raised."""

    name: str
    error: BaseException

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What to tell the user: the problems of an InputError, or the error itself."""
        if isinstance(self.error, InputError):
            # An error of the disk, for one, does not know which item it struck.
            return tuple(replace(one, trial=one.trial or self.name) for one in self.error.problems)
        return (Problem(f"{type(self.error).__name__}: {self.error}", trial=self.name),)


@dataclass(frozen=True)
class Materialised:
    """The finished items' directories by name, in the order of the items, and what failed."""

    paths: dict[str, Path]
    failures: tuple[Failure, ...]
    computed: tuple[str, ...]


def look_up(items: Sequence[Item], *, cache: ItemCache, label: str) -> dict[str, Path]:
    """Return the directories of the items that the cache holds, by key, after comparing their checksums."""
    return check_side_by_side({item.key: item.name for item in items if cache.holds(item.key)}, cache.get, label=label)


def materialise(
    items: Sequence[Item],
    function: Callable[[Any, Path], None],
    *,
    cache: ItemCache,
    executor: Executor,
    label: str,
    on_error: Literal["fail", "skip"] = "fail",
    seeds: Seeds | None = None,
    before: Callable[[], None] | None = None,
    known: Mapping[str, Path] = MappingProxyType({}),
) -> Materialised:
    """Compute the items that the cache does not hold yet with ``function(payload, directory)``.

    Parameters
    ----------
    items, function, cache, executor, label : what, how, where to keep it, on what, and its name for people
    on_error : whether an item that fails is an error of the whole
    seeds : results of earlier runs that may hold missing items
    before : called once before anything is computed, not where nothing is
    known : what `look_up` found a moment ago, by key: it is not read again

    Raises
    ------
    InputError
        Under `on_error` ``"fail"``, after the other items are finished, with the problems of all that failed.
    """
    if os.environ.get(COUNT):
        raise count_missing(label, {item.key for item in items}, cache=cache, seeds=seeds)
    # What killed runs left behind goes here, too, since nothing else may be left to compute.
    sweep(cache.root / "tmp")
    here = {**known, **look_up([item for item in items if item.key not in known], cache=cache, label=label)}
    found = {item.key: here.get(item.key) for item in items}
    if seeds is not None:
        lacking = [key for key, path in found.items() if path is None]
        taken = seeds.take(lacking, cache.create)
        found |= {key: cache.path(key) for key in taken}
        if taken:
            logger.info("%s: %d of %d taken from the results of the last run", label, len(taken), len(lacking))
    missing = list({item.key: item for item in items if found[item.key] is None}.values())
    if missing and before is not None:
        before()
    errors: dict[str, BaseException] = {}
    with (
        timed(cache.root, label, len(missing)),
        Progress(label, total=len(found), done=len(found) - len(missing)) as progress,
    ):
        jobs = [_Job(cache, item, function, libraries()) for item in missing]
        for result in run(_compute, jobs, executor=executor, name=lambda job: job.item.name):
            if result.error is not None:
                errors[result.item.item.key] = result.error
            else:
                found[result.item.item.key] = cache.path(result.item.item.key)
            progress.advance(result.item.item.name)
    failures = tuple(Failure(item.name, errors[item.key]) for item in items if item.key in errors)
    if failures and on_error == "fail":
        raise InputError(f"{label} failed", [problem for failure in failures for problem in failure.problems])
    paths = {item.name: path for item in items if (path := found[item.key]) is not None}
    return Materialised(paths, failures, tuple(item.name for item in missing if item.key not in errors))


@dataclass(frozen=True)
class _Job:
    cache: ItemCache
    item: Item
    function: Callable[[Any, Path], None]
    libraries: dict[str, str]


def _compute(job: _Job) -> None:
    """Compute one item; it enters the cache only if it was computed with the code and libraries of its key."""
    with job.cache.create(job.item.key) as directory:
        job.function(job.item.payload, directory)
        job.item.code.check()
        if job.libraries != libraries():
            raise AffectflowError(f"this machine has other libraries ({libraries()}) than the stage ({job.libraries})")
