"""Comparing cached items with their checksums side by side, with progress from the start."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from pipeline.runtime.progress import Progress


def check_side_by_side(names: Mapping[str, str], check: Callable[..., Path | None], *, label: str) -> dict[str, Path]:
    """Return what ``check(key, name=name)`` gives for each key, where it gives anything.

    Parameters
    ----------
    names : of the items by key
    check : reads and hashes an item; threads suffice, as both happen outside the interpreter's lock
    label : of the work, for people
    """
    found: dict[str, Path] = {}
    if not names:
        return found
    with (
        Progress(label, total=len(names), what="cached items to check") as progress,
        ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool,
    ):
        tasks = {pool.submit(check, key, name=name): key for key, name in names.items()}
        for task in as_completed(tasks):
            path = task.result()
            if path is not None:
                found[tasks[task]] = path
            progress.advance(names[tasks[task]])
    return found
