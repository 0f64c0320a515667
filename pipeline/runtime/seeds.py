"""Items from results: what `dvc pull` brought needs no item cache, no corpus, no weights and no GPU to be used again.

Beside each out of items lies a table that says which item each of its files came from. A stage that misses an item
looks for its key there, and takes the files from the out of the last run: from the workspace, or from DVC's cache,
since DVC removes a stage's outs before it runs.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import AffectflowError
from pipeline.runtime.files import assemble, replacing_file, sha256_file
from pipeline.runtime.restore import Recorded

logger = logging.getLogger(__name__)

Place = Callable[[str, str], str | None]
"""From an item's name and one of its files to where the out has that file; None where the out lacks it."""


@dataclass(frozen=True)
class Seeds:
    """The items of an out.

    Parameters
    ----------
    table : file with the keys, beside the out; an out of the same stage
    out : the directory that was put together from the items
    """

    table: Path
    out: Path

    def write(
        self, items: Mapping[str, tuple[str, Path]], checksums: Mapping[str, Mapping[str, str]], place: Place
    ) -> None:
        """Write the table. Files that the out lacks, small ones, are in the table themselves.

        Parameters
        ----------
        items : key and directory of each item, by name
        checksums : of each item's files, by name
        place : where they are in the out
        """
        entries: dict[str, Any] = {}
        for name, (key, directory) in sorted(items.items()):
            files: dict[str, dict[str, str]] = {}
            for file, checksum in sorted(checksums[name].items()):
                at = place(name, file)
                where = {"text": (directory / file).read_text(encoding="utf-8")} if at is None else {"at": at}
                files[file] = {"sha256": checksum, **where}
            entries[key] = files
        with replacing_file(self.table) as fresh:
            fresh.write_text(json.dumps(entries, indent=0, sort_keys=True) + "\n", encoding="utf-8")

    def take(self, keys: Collection[str], create: Callable[[str], Any]) -> tuple[str, ...]:
        """Bring the items of `keys` that the last results hold into the cache; return their keys.

        Parameters
        ----------
        keys : what is missing
        create : from a key to a context in whose directory the item is made, as `ItemCache.create`
        """
        taken: list[str] = []
        for table, find in self._sources() if keys else ():
            for key in sorted(set(keys) - set(taken)):
                files = _files(table, key, find)
                if files is None:
                    continue
                try:
                    with create(key) as directory:
                        _copy(files, directory)
                except _WrongBytesError as error:
                    logger.warning("%s: not taken from the last results: %s", self.out, error)
                else:
                    taken.append(key)
        return tuple(taken)

    def holds(self, keys: Collection[str]) -> set[str]:
        """Return those of `keys` that the last results hold, by their table alone."""
        found: set[str] = set()
        for table, find in self._sources() if keys else ():
            found |= {key for key in set(keys) - found if _files(table, key, find) is not None}
        return found

    def _sources(self) -> Iterator[tuple[Mapping[str, Any], Callable[[str], Path | None]]]:
        """Yield the table and a way to the out's files: in the workspace, then in DVC's cache."""
        if self.table.is_file():
            yield _read(self.table), lambda file: path if (path := self.out / file).is_file() else None
        recorded = Recorded.read(Path())
        table = recorded.file(self.table)
        if table is not None:
            tree = recorded.tree(self.out)
            yield _read(table), tree.get


class _WrongBytesError(AffectflowError):
    pass


def _read(table: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(table.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _files(
    table: Mapping[str, Any], key: str, find: Callable[[str], Path | None]
) -> dict[str, tuple[str, Path | str]] | None:
    """Return checksum and source of each file of an item; None where the table or the out lacks something."""
    found: dict[str, tuple[str, Path | str]] = {}
    for name, entry in table.get(key, {}).items():
        source = entry["text"] if "text" in entry else find(entry["at"])
        if source is None or Path(name).is_absolute() or ".." in Path(name).parts:
            return None
        found[name] = (entry["sha256"], source)
    return found or None


def _copy(files: Mapping[str, tuple[str, Path | str]], directory: Path) -> None:
    for name, (checksum, source) in files.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, str):
            target.write_text(source, encoding="utf-8")
        else:
            assemble(source, target)
        if sha256_file(target) != checksum:
            raise _WrongBytesError(f"the checksum of {name} differs")
