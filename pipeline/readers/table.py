"""A corpus of one's own, described by a table: which files belong together, who is seen in them, and who is tested.

trial,video,audio,labels,partition,subject
p01_a,videos/p01_a.mp4,,labels/p01_a.csv,,p01
Paths are relative to the corpus' root. `audio` and `partition` may be empty or left out altogether. Cells are parted by
commas, semicolons or tabs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.clips.partition import PARTITIONS, Partition
from pipeline.corpora.config import TableConfig
from pipeline.corpora.index_table import outside
from pipeline.corpora.trial import Trial
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import RULE, name_fault, shorten
from pipeline.runtime.section import nearest
from pipeline.runtime.tables import BadRows, read_rows

COLUMNS = ("trial", "video", "audio", "labels", "partition", "subject")
OPTIONAL = frozenset({"audio", "partition"})


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
        bad = BadRows(self.manifest, "write the row on one line, its cells parted as in the header")
        try:
            lines = [
                (number, [cell.strip() for cell in fields])
                for number, fields in read_rows(self.manifest, bad, what="unusable table", separators=",;\t")
                if number == 1 or any(cell.strip() for cell in fields)
            ]
        except InputError as error:
            self._problems += error.problems
            return []
        self._problems += bad.problems()
        names = [name.lower() for name in lines[0][1]] if lines else []
        if not self._check_header(names):
            return []
        trials: list[Trial] = []
        rows: dict[str, int] = {}
        for number, fields in lines[1:]:
            if len(fields) != len(names):
                message = f"{len(fields)} values where the header names {len(names)}"
                self._add(message, file=self.manifest, row=number, remedy="give every column a value, empty or not")
                continue
            cells = dict(zip(names, fields, strict=True))
            if self._check_row(cells, number, rows):
                trials.append(self._trial(cells))
        if not trials and not self._problems:
            self._add("the table is empty", file=self.manifest, row=2, remedy="add a row per trial")
        self._check_split(lines[1:], names)
        return trials

    def _check_header(self, names: Sequence[str]) -> bool:
        faults = [f"no column {name}" for name in COLUMNS if name not in names and name not in OPTIONAL]
        faults += [
            f"unknown column {shorten(name)}{nearest(name[:80], dict.fromkeys(COLUMNS))}"
            for name in names
            if name not in COLUMNS
        ]
        faults += ["a column twice"] if len(set(names)) < len(names) else []
        if faults:
            self._add("; ".join(faults), file=self.manifest, row=1, remedy=f"begin it with {','.join(COLUMNS)}")
        return not faults

    def _check_row(self, cells: Mapping[str, str], number: int, rows: dict[str, int]) -> bool:
        """Say whether a row names a trial; `rows` knows the rows of earlier ones by their names in lower case."""
        name, partition = cells["trial"], cells.get("partition", "")
        faults: list[tuple[str, str]] = []
        fault = name_fault(name)
        if fault:
            faults.append((f"trial {fault}", f"use {RULE}"))
        elif name.lower() in rows:
            faults.append((f"named twice, first in row {rows[name.lower()]}", "give every trial a name of its own"))
        rows.setdefault(name.lower(), number)
        if not cells["subject"]:
            faults.append(("no subject", "name the person: folds keep all trials of one person together"))
        if partition and partition not in PARTITIONS:
            remedy = f"write {', '.join(PARTITIONS)}, or leave it empty"
            faults.append((f"unknown partition {shorten(partition)}", remedy))
        if not cells["video"]:
            faults.append(("no video", "name the trial's video, relative to corpus.root"))
        if not cells["labels"] and partition != "test":
            faults.append(("no labels", "name the file with its labels, or put the trial into the partition test"))
        for column in ("video", "audio", "labels"):
            faults += self._check_path(column, cells.get(column, ""))
        for message, remedy in faults:
            self._add(message, file=self.manifest, row=number, trial=name[:80], remedy=remedy)
        return not faults

    def _check_path(self, column: str, name: str) -> list[tuple[str, str]]:
        """Check where a cell points to; whether the file itself is there and whole, the index finds out."""
        if outside(name):
            remedy = "name it relative to corpus.root"
            return [(f"{column} {shorten(name)} is an absolute path or leaves the corpus", remedy)]
        try:
            if not name or (self.root / name).parent.is_dir():
                return []
        except OSError as error:
            return [(f"{column} {shorten(name)}: {error.strerror}", "correct the path, or who may read it")]
        return [(f"there is no folder of {column} {shorten(name)}", f"correct the path: it starts at {self.root}")]

    def _check_split(self, lines: Sequence[tuple[int, list[str]]], names: Sequence[str]) -> None:
        """Labelled trials are split by the table or by the folds, not one here and one there."""
        if "partition" not in names:
            return
        place = names.index("partition")
        parts = [(number, line[place]) for number, line in lines if len(line) == len(names)]
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
