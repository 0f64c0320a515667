"""How many items a stage misses and how long earlier ones took, for `affectflow status`."""

import json
import re
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.runtime.items import ItemCache
    from pipeline.runtime.seeds import Seeds

COUNT = "AFFECTFLOW_COUNT"
"""The variable under which a stage says how many items it misses, and ends before it computes one."""


@dataclass(frozen=True)
class Pace:
    """How long items took.

    Parameters
    ----------
    items : how many were computed
    seconds : from the first to the last, with as many at a time as there were workers
    """

    items: int
    seconds: float

    def left(self, items: int) -> float:
        """Return how long so many more items take, s."""
        return self.seconds / self.items * items


class ItemCount(Exception):  # noqa: N818 # it ends a stage that has done all it was asked for
    """How many items a stage has in all, and how many of them are in no cache."""

    def __init__(self, label: str, *, total: int, missing: int, pace: Pace | None) -> None:
        super().__init__(label)
        self.label, self.total, self.missing, self.pace = label, total, missing, pace

    def as_json(self) -> str:
        """Return the count as one line."""
        seconds = None if self.pace is None else self.pace.left(self.missing)
        return json.dumps({"label": self.label, "total": self.total, "missing": self.missing, "seconds": seconds})


def count_missing(label: str, keys: Set[str], *, cache: "ItemCache", seeds: "Seeds | None") -> ItemCount:
    """Count the keys that neither the cache nor the last results hold."""
    missing = {key for key in keys if not cache.holds(key)}
    if seeds is not None:
        missing -= seeds.holds(missing)
    return ItemCount(label, total=len(keys), missing=len(missing), pace=recorded_pace(cache.root, label))


@contextmanager
def timed(root: Path, label: str, items: int) -> Iterator[None]:
    """Remember how long the block takes, in which so many items are computed."""
    begun = time.monotonic()
    yield
    if items:
        record_pace(root, label, Pace(items, time.monotonic() - begun))


def record_pace(root: Path, label: str, pace: Pace) -> None:
    """Remember below the cache how long the last items of this kind took; a cache that takes no file is no error."""
    file = _file(root, label)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"items": pace.items, "seconds": pace.seconds}), encoding="utf-8")
    except OSError:
        return


def recorded_pace(root: Path, label: str) -> Pace | None:
    """Return how long the last items of this kind took, None where it is not known."""
    try:
        data = json.loads(_file(root, label).read_text(encoding="utf-8"))
        pace = Pace(int(data["items"]), float(data["seconds"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return pace if pace.items > 0 else None


def _file(root: Path, label: str) -> Path:
    return root / "times" / f"{re.sub('[^A-Za-z0-9._-]+', '_', label)}.json"
