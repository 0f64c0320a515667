"""The item cache: finished items by content address, outside the repository, whole or absent.

An item is a directory of files computed from one input: a clip, one clip's features, a trained fold. Its key is a
SHA-256 over everything that reaches it, so a killed run resumes, an added clip computes one item, and a return to old
parameters computes nothing.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel

from pipeline.runtime.code import Code
from pipeline.runtime.files import flush, flush_tree, sha256_file
from pipeline.runtime.folders import work_folder
from pipeline.runtime.seeds import Place, Seeds

logger = logging.getLogger(__name__)

LIBRARIES = ("torch", "torchaudio", "numpy", "scipy", "av", "opencv-python", "h5py", "soxr", "zarr")

RECORD = "record.json"
"""Beside an item's files: their checksums. Both come into being in one rename."""


def cache_root() -> Path:
    """Return `AFFECTFLOW_CACHE`, or the user's cache directory."""
    return Path(os.environ.get("AFFECTFLOW_CACHE") or platformdirs.user_cache_dir("affectflow"))


def item_key(**parts: object) -> str:
    """Return the SHA-256 over `parts` and the numeric libraries' versions, as canonical JSON.

    Sections count by their values, code by its key. The order within a mapping counts: that of the targets is the order
    of the labels' columns.
    """

    def encode(value: object) -> object:
        if isinstance(value, BaseModel):
            return value.model_dump(mode="json")
        if isinstance(value, Code):
            return value.key
        raise TypeError(f"{type(value).__name__} cannot be part of an item's key")

    text = json.dumps([libraries(), sorted(parts.items())], separators=(",", ":"), default=encode, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def libraries() -> dict[str, str]:
    """Return the versions of the libraries whose arithmetic reaches results, without the names of builds."""
    return {name: version(name).partition("+")[0] for name in LIBRARIES}


@dataclass(frozen=True)
class Item:
    """One piece of work.

    Parameters
    ----------
    name : for people
    key : for the cache
    payload : for the function; picklable
    code : with which the key was made
    """

    name: str
    key: str
    payload: Any
    code: Code


@dataclass(frozen=True)
class ItemCache:
    """A directory of finished items.

    Parameters
    ----------
    root : where items live; `cache_root()` unless given
    """

    root: Path = field(default_factory=cache_root)

    def path(self, key: str) -> Path:
        """Return where the files of item `key` are, finished or not."""
        return self._folder(key) / "files"

    def checkpoint(self, key: str) -> Path:
        """Return the file in which the unfinished item `key` keeps its state."""
        return self.root / "checkpoints" / key

    def get(self, key: str, *, name: str = "") -> Path | None:
        """Return the files of a finished item after comparing their checksums, or None.

        A damaged item is removed, with a warning that names it.
        """
        if not self.holds(key):
            return None
        damage = self.damage(key)
        if damage is not None:
            logger.warning("item %s (%s) is damaged: %s; it is computed again", name or key, self.path(key), damage)
            self.remove(key)
            return None
        # The record's time says when the item was last used: `affectflow cache prune` goes by it.
        with contextlib.suppress(OSError):
            os.utime(self.record(key))
        return self.path(key)

    def holds(self, key: str) -> bool:
        """Say whether there is an item `key`, without reading it."""
        return self._folder(key).is_dir()

    def checksums(self, key: str) -> dict[str, str]:
        """Return the SHA-256 of each file of a finished item."""
        checksums: dict[str, str] = json.loads(self.record(key).read_text(encoding="utf-8"))
        return checksums

    def damage(self, key: str) -> str | None:
        """Say what is wrong with the item in the cache under `key`, or None."""
        path = self.path(key)
        try:
            expected = self.checksums(key)
        except (OSError, ValueError):
            return "its record is not readable"
        present = {file.relative_to(path).as_posix(): file for file in _files(path)}
        if present.keys() != expected.keys():
            return f"missing or too many: {', '.join(sorted(present.keys() ^ expected.keys()))}"
        wrong = [name for name, file in present.items() if sha256_file(file) != expected[name]]
        return f"the checksum of {', '.join(wrong)} differs" if wrong else None

    @contextmanager
    def create(self, key: str) -> Iterator[Path]:
        """Give a fresh directory that becomes item `key` when the block ends without an error."""
        with work_folder(self.root / "tmp") as work:
            files = work / "files"
            files.mkdir()
            yield files
            checksums = {file.relative_to(files).as_posix(): sha256_file(file) for file in _files(files)}
            (work / RECORD).write_text(json.dumps(checksums, indent=0, sort_keys=True), encoding="utf-8")
            flush_tree(work)
            folder = self._folder(key)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                work.rename(folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                # Another run has finished the same item meanwhile: its files stay, others may be reading them.
            flush(folder.parent)

    def remove(self, key: str) -> None:
        """Forget item `key`; it is gone at once, however long its files take."""
        with work_folder(self.root / "tmp") as work, contextlib.suppress(FileNotFoundError):
            self._folder(key).rename(work / key)

    def keys(self) -> list[str]:
        """Return the keys of all items, those without a record too, sorted."""
        return sorted(folder.name for folder in (self.root / "items").glob("*/*"))

    def record(self, key: str) -> Path:
        """Return the file with the checksums of item `key`; its time is that of the item's last use."""
        return self._folder(key) / RECORD

    def _folder(self, key: str) -> Path:
        return self.root / "items" / key[:2] / key


def write_seeds(seeds: Seeds, paths: Mapping[str, Path], *, cache: ItemCache, place: Place) -> None:
    """Write which items an out was put together from.

    Parameters
    ----------
    seeds : the out and its table
    paths : of the finished items, by name, as `Materialised` has them
    cache : that holds them
    place : see `Seeds.write`
    """
    items = {name: (path.parent.name, path) for name, path in paths.items()}
    seeds.write(items, {name: cache.checksums(key) for name, (key, _) in items.items()}, place)


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())
