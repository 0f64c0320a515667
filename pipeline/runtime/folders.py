"""Work folders: made under a lock that their process holds, so that anyone can tell a live one from a leftover.

A killed process cannot clean up. Its lock ends with it, and the next process that makes a folder in the same place
removes what nobody holds any more.
"""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.runtime.errors import WRITE_ERRORS

LOCK = ".lock"
"""Ending of the lock beside each work folder."""


@contextmanager
def work_folder(root: Path) -> Iterator[Path]:
    """Give an empty folder below `root` that is gone afterwards; leftovers of killed processes go, too."""
    sweep(root)
    folder = root / uuid.uuid4().hex
    lock = folder.with_suffix(LOCK)
    with _hold(lock):
        folder.mkdir()
        try:
            yield folder
        except OSError as error:
            # A write that fails does not say to which file, and without this not even to which disk.
            if error.errno in WRITE_ERRORS and error.filename is None:
                error.filename = str(root)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others are at work in it
                root.rmdir()


def leftovers(root: Path) -> list[Path]:
    """Return what no living process holds below `root`: work folders, and locks without one."""
    found = []
    for path in children(root):
        with _unheld(path) as unheld:
            if unheld and not _is_lock_of_folder(path):
                found.append(path)
    return found


def sweep(root: Path) -> None:
    """Remove the `leftovers` below `root`."""
    for path in children(root):
        with _unheld(path) as unheld:
            if unheld:
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.with_suffix(LOCK).unlink(missing_ok=True)


def children(folder: Path) -> list[Path]:
    """Return what lies in `folder`, sorted; nothing where there is none, or where it goes away meanwhile."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def work_root(destination: Path) -> Path:
    """Return where to prepare what takes the place of `destination` in one rename.

    In a DVC repository that is ``.dvc/tmp/affectflow``, which neither DVC nor git looks at: a work folder beside the
    destination would count as part of a directory that DVC tracks. On another file system it is a hidden folder
    beside the destination, which .dvcignore names.
    """
    parent = destination.absolute().parent
    for folder in (parent, *parent.parents):
        if (folder / ".dvc").is_dir():
            kept = folder / ".dvc" / "tmp" / "affectflow"
            kept.mkdir(parents=True, exist_ok=True)
            if kept.stat().st_dev == parent.stat().st_dev:
                return kept
            break
    return parent / ".affectflow"


@contextmanager
def _hold(lock: Path) -> Iterator[None]:
    """Create and lock a file. Meanwhile another process may remove the empty folder around it, or sweep it away."""
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:  # said of a folder that went away meanwhile, and of a link to nowhere
            if Path(error.filename).is_symlink():
                raise
        with contextlib.suppress(FileNotFoundError):
            held = lock.open("w")
            fcntl.flock(held, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(held.fileno()), lock.stat()):
                break
    with held:
        yield


def _is_lock_of_folder(path: Path) -> bool:
    return path.suffix == LOCK and path.with_suffix("").is_dir()


@contextmanager
def _unheld(path: Path) -> Iterator[bool]:
    """Say of a work folder or its lock whether no process holds it, and let none take the lock meanwhile.

    Who has just created a lock and does not hold it yet waits, and makes another if this one is swept away.
    """
    try:
        descriptor = os.open(path.with_suffix(LOCK), os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
