"""Looking after the item cache: what it holds, what is old, what is damaged."""

import contextlib
import math
import time
from collections import defaultdict
from pathlib import Path

from pipeline.runtime.folders import children, leftovers, sweep
from pipeline.runtime.items import ItemCache
from pipeline.runtime.progress import Progress

KINDS = {
    "*.h5": "clips",
    "features.zip": "features",
    "predictions.safetensors": "predictions",
    "*.safetensors": "folds",
}
"""Items do not say of which kind they are; their files do. The first pattern that fits counts."""

Counts = dict[str, tuple[int, int]]
"""How many of each kind, and their bytes."""


def survey(cache: ItemCache) -> Counts:
    """Return how many items of each kind the cache holds, its checkpoints and leftovers too."""
    counts: defaultdict[str, list[int]] = defaultdict(list)
    keys = cache.keys()
    for key in keys:
        counts[_kind(cache.path(key))].append(_size(cache.path(key)))
    counts["checkpoints"] = [_size(path) for path in children(cache.root / "checkpoints")]
    counts["leftovers"] = [_size(path) for path in leftovers(cache.root / "tmp")]
    return {kind: (len(sizes), sum(sizes)) for kind, sizes in sorted(counts.items())}


def prune(cache: ItemCache, *, days: float, dry_run: bool = False, now: float | None = None) -> Counts:
    """Remove items and checkpoints that were not used for `days` days, and what killed runs left behind.

    Parameters
    ----------
    cache : which cache
    days : an item counts as used when a stage asks for it
    dry_run : only count
    now : seconds since the epoch; the clock's unless given
    """
    now = time.time() if now is None else now
    old = now - days * 86400
    keys = cache.keys()
    # An item without its record is damaged, and of no use to anyone.
    items = [key for key in keys if _last_used(cache.record(key), gone=-math.inf) < old]
    checkpoints = [path for path in children(cache.root / "checkpoints") if _last_used(path, gone=math.inf) < old]
    left = leftovers(cache.root / "tmp")
    removed = {
        "items": (len(items), sum(_size(cache.path(key)) for key in items)),
        "checkpoints": (len(checkpoints), sum(map(_size, checkpoints))),
        "leftovers": (len(left), sum(map(_size, left))),
    }
    if not dry_run:
        for key in items:
            cache.remove(key)
        for path in checkpoints:
            path.unlink(missing_ok=True)
        sweep(cache.root / "tmp")
    return removed


def damaged(cache: ItemCache, *, progress: Progress | None = None) -> dict[str, str]:
    """Compare the checksums of every item; return what is wrong with the damaged ones, by key."""
    found: dict[str, str] = {}
    keys = cache.keys()
    for key in keys:
        reason = cache.damage(key)
        if reason is not None:
            found[key] = reason
        if progress is not None:
            progress.advance(key[:8])
    return found


def _kind(path: Path) -> str:
    return next((kind for pattern, kind in KINDS.items() if any(path.rglob(pattern))), "others")


def _last_used(path: Path, *, gone: float) -> float:
    """Return when a file was last touched; `gone` where there is none, or another process removes it meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return gone


def _size(path: Path) -> int:
    """Return the bytes of a file or folder, without what another process removes meanwhile."""
    total = 0
    with contextlib.suppress(FileNotFoundError):
        for file in (path, *path.rglob("*")):
            total += file.stat().st_size if file.is_file() else 0
    return total
