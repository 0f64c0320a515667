"""A corpus of one's own, described by a table: which files belong together, who is seen in them, and who is tested.

trial,video,audio,labels,partition,subject
p01_a,videos/p01_a.mp4,,labels/p01_a.csv,,p01
Paths are relative to the corpus' root. `audio` and `partition` may be empty or left out altogether.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipeline.clips.partition import PARTITIONS, Partition
from pipeline.corpora.config import TableConfig
from pipeline.corpora.trial import Trial
from pipeline.runtime.errors import Problem
from pipeline.runtime.section import nearest

COLUMNS = ("trial", "video", "audio", "labels", "partition", "subject")
OPTIONAL = frozenset({"audio", "partition"})
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A trial's name becomes a file's name, on every system."""


class Table:
    """Reader of a table; it is read once, when the reader is made.

    Parameters
    ----------
    config : section `corpus` of params.yaml
    """

    def __init__(self, config: TableConfig) -> None:
        self.root = Path(config.root)
        self.manifest = Path(config.manifest)
        self._problems: list[Problem] = []
        self._trials: tuple[Trial, ...] = ()
        if not self.root.is_dir():
            self._add("missing", file=self.root, remedy="set corpus.root in params.yaml to where the corpus lies")
        if not self.manifest.is_file():
            self._add("missing", file=self.manifest, remedy="set corpus.manifest in params.yaml to the table")
        if not self._problems:
            self._trials = tuple(sorted(self._read(), key=lambda trial: trial.trial))

    def trials(self) -> tuple[Trial, ...]:
        """Return one trial per usable row, sorted by name."""
        return self._trials

    def validate(self) -> tuple[Problem, ...]:
        """Return what is wrong with the table."""
        return tuple(self._problems)

    def _add(self, message: str, *, file: Path, row: int | None = None, trial: str = "", remedy: str) -> None:
        self._problems.append(Problem(message, file=str(file), row=row, trial=trial or None, remedy=remedy))

    def _read(self) -> list[Trial]:
        try:
            lines = list(csv.reader(self.manifest.read_text(encoding="utf-8-sig").splitlines()))
        except UnicodeDecodeError as error:
            self._add(f"not a text file ({error.reason})", file=self.manifest, remedy="save the table as CSV in UTF-8")
            return []
        names = [name.strip().lower() for name in lines[0]] if lines else []
        if not self._check_header(names):
            return []
        trials: list[Trial] = []
        rows: dict[str, int] = {}
        for number, fields in enumerate(lines[1:], start=2):
            if not any(field.strip() for field in fields):
                continue
            if len(fields) != len(names):
                message = f"{len(fields)} values where the header names {len(names)}"
                self._add(message, file=self.manifest, row=number, remedy="give every column a value, empty or not")
                continue
            cells = dict(zip(names, (field.strip() for field in fields), strict=True))
            if self._check_row(cells, number, rows):
                trials.append(self._trial(cells))
        if not trials and not self._problems:
            self._add("the table is empty", file=self.manifest, row=2, remedy="add a row per trial")
        self._check_split(lines[1:], names)
        return trials

    def _check_header(self, names: Sequence[str]) -> bool:
        faults = [f"no column {name}" for name in COLUMNS if name not in names and name not in OPTIONAL]
        faults += [
            f"unknown column {name!r}{nearest(name, dict.fromkeys(COLUMNS))}" for name in names if name not in COLUMNS
        ]
        faults += ["a column twice"] if len(set(names)) < len(names) else []
        if faults:
            self._add("; ".join(faults), file=self.manifest, row=1, remedy=f"begin it with {','.join(COLUMNS)}")
        return not faults

    def _check_row(self, cells: Mapping[str, str], number: int, rows: dict[str, int]) -> bool:
        """Say whether a row names a trial; `rows` knows the rows of earlier ones by their names in lower case."""
        name, partition = cells["trial"], cells.get("partition", "")
        faults: list[tuple[str, str]] = []
        if not NAME.fullmatch(name):
            faults.append((f"trial {name!r} is no name for a file", "use letters, digits, points, - and _"))
        elif name.lower() in rows:
            faults.append((f"named twice, first in row {rows[name.lower()]}", "give every trial a name of its own"))
        rows.setdefault(name.lower(), number)
        if not cells["subject"]:
            faults.append(("no subject", "name the person: folds keep all trials of one person together"))
        if partition and partition not in PARTITIONS:
            faults.append((f"unknown partition {partition!r}", f"write {', '.join(PARTITIONS)}, or leave it empty"))
        if not cells["video"]:
            faults.append(("no video", "name the trial's video, relative to corpus.root"))
        if not cells["labels"] and partition != "test":
            faults.append(("no labels", "name the file with its labels, or put the trial into the partition test"))
        for column in ("video", "audio", "labels"):
            faults += self._check_path(column, cells.get(column, ""))
        for message, remedy in faults:
            self._add(message, file=self.manifest, row=number, trial=name, remedy=remedy)
        return not faults

    def _check_path(self, column: str, name: str) -> list[tuple[str, str]]:
        """Check where a cell points to; whether the file itself is there and whole, the index finds out."""
        if PurePosixPath(name).is_absolute():
            return [(f"{column} {name!r} is an absolute path", "name it relative to corpus.root")]
        if name and not (self.root / name).parent.is_dir():
            return [(f"there is no folder of {column} {name!r}", f"correct the path: it starts at {self.root}")]
        return []

    def _check_split(self, lines: Sequence[Sequence[str]], names: Sequence[str]) -> None:
        """Labelled trials are split by the table or by the folds, not one here and one there."""
        if "partition" not in names:
            return
        place = names.index("partition")
        parts = [(number, line[place].strip()) for number, line in enumerate(lines, start=2) if len(line) == len(names)]
        empty = [number for number, part in parts if not part]
        if empty and any(part in ("train", "validation") for _, part in parts):
            remedy = "give every labelled trial a partition, or none: then folds.scheme subject splits them"
            message = f"{len(empty)} trials without a partition beside others that have one"
            self._add(message, file=self.manifest, row=empty[0], remedy=remedy)

    def _trial(self, cells: Mapping[str, str]) -> Trial:
        partition: Partition = next((part for part in PARTITIONS if part == cells.get("partition")), "train")
        return Trial(
            trial=cells["trial"],
            partition=partition,
            subject=cells["subject"],
            video=self.root / cells["video"],
            images=None,
            annotation=self.root / cells["labels"] if cells["labels"] else None,
            audio=self.root / cells["audio"] if cells.get("audio") else None,
        )


CORPUS = Table
