"""Remembering what was found in files, so that unchanged ones are not read again.

A file counts as unchanged while its path, size and time of change are; the memory is kept beside the item cache, per
machine, and losing it costs only time.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import Problem
from pipeline.runtime.items import cache_root

SETTLED = 2.0
"""Seconds since its last change after which a file may be trusted: clocks tick coarsely, and a file that changes twice
within one tick shows the same time."""


@dataclass(frozen=True)
class Finding:
    """What reading some files showed.

    Parameters
    ----------
    digest : of all of them
    count : how many there are
    problems : what is wrong with them
    facts : what they hold, by name, such as frames, or seconds of sound
    """

    digest: str
    count: int
    problems: tuple[Problem, ...]
    facts: Mapping[str, float] = field(default_factory=dict)


def _default_root() -> Path:
    return cache_root() / "files"


@dataclass(frozen=True)
class FileMemory:
    """A directory of findings.

    Parameters
    ----------
    root : where they are kept; below the cache directory unless given
    """

    root: Path = field(default_factory=_default_root)

    def recall(self, paths: Sequence[Path], question: object, look: Callable[[], Finding]) -> Finding:
        """Return what `look` found in `paths` when it was last asked this `question`, or call it and remember.

        Parameters
        ----------
        paths : all files that `look` reads
        question : what the finding depends on beside the files, as JSON: parameters and the code's key
        """
        stats = [(str(path.absolute()), path.stat()) for path in paths]
        listing = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
        key = hashlib.sha256(json.dumps([question, listing]).encode()).hexdigest()
        record = self.root / key[:2] / f"{key}.json"
        known = _read(record)
        if known is not None:
            return known
        finding = look()
        newest = max((stat.st_mtime for _, stat in stats), default=0.0)
        if time.time() - newest > SETTLED:
            _write(record, finding)
        return finding


def _read(record: Path) -> Finding | None:
    try:
        data: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        problems = tuple(Problem(**problem) for problem in data["problems"])
        return Finding(digest=data["digest"], count=data["count"], problems=problems, facts=data["facts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(record: Path, finding: Finding) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    # Several workers may write the same record (two people share one video): each renames a whole file.
    with tempfile.NamedTemporaryFile("w", dir=record.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
        json.dump(asdict(finding), file)
    Path(file.name).replace(record)
