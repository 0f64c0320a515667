"""Files and trees: checksums, flushing, cheap copies, and outs that are replaced only when complete."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.runtime.folders import work_folder, work_root

FICLONE = 0x40049409
"""Linux' request that makes one file share another's blocks until either is written (a reflink)."""


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush_tree(directory: Path) -> None:
    """Force every file and folder below `directory` to the disk."""
    for path in [directory, *directory.rglob("*")]:
        flush(path)


def flush(path: Path) -> None:
    """Force one file, or the names in one folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def assemble(source: Path, destination: Path) -> None:
    """Bring a file or a tree to `destination` as a reflink or hard link where the file system can, else as a copy."""
    if source.is_dir():
        destination.mkdir(parents=True, exist_ok=True)
        for child in sorted(source.iterdir()):
            assemble(child, destination / child.name)
    elif not _reflink(source, destination):
        try:
            os.link(source.resolve(), destination)  # DVC may have put a symbolic link there
        except OSError:
            shutil.copyfile(source, destination)


def _reflink(source: Path, destination: Path) -> bool:
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return False
    with source.open("rb") as reader, destination.open("xb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), FICLONE, reader.fileno())
        except OSError:
            destination.unlink()
            return False
    return True


@contextmanager
def replacing(destination: Path) -> Iterator[Path]:
    """Give a fresh directory that takes the place of `destination` when the block ends without an error.

    Until then, and after an error, `destination` is as it was.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with work_folder(work_root(destination)) as work:
        fresh = work / "fresh"
        fresh.mkdir()
        yield fresh
        with contextlib.suppress(FileNotFoundError):
            destination.rename(work / "old")
        fresh.rename(destination)


@contextmanager
def replacing_file(destination: Path) -> Iterator[Path]:
    """Like `replacing`, for one file: gives the path to write."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with work_folder(work_root(destination)) as work:
        fresh = work / destination.name
        yield fresh
        fresh.replace(destination)
