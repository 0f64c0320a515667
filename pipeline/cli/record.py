"""The results on record: dvc.lock as git has it, compared with what this machine computed.

Under portable numerics the demo's results are the same bytes on every processor, so its dvc.lock belongs to git. A
stage with equal inputs and another output means that this processor computes something differently.
"""

import csv
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.runtime.processor import processor_name

LOCKS = ("data/demo/dvc.lock", "dvc.lock")
PROCESSORS = Path("data/demo/processors.csv")
"""Processors on which the demo was computed, and whether it gave the bytes on record."""

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """The first stage that gave another result from the same inputs."""

    stage: str
    outs: tuple[str, ...]


def first_difference(recorded: Mapping[str, Entry], found: Mapping[str, Entry]) -> Difference | None:
    """Compare two locks.

    Parameters
    ----------
    recorded, found : stages by name, as in dvc.lock; stages that only one of them has, or whose command, parameters
        or code differ, are not compared

    Returns
    -------
    The first that differs in the order of the DAG, or None
    """
    made = {path: stage for stage, entry in found.items() for path in _digests(entry, "outs")}
    above = {
        stage: {source for path in _digests(entry, "deps") for out, source in made.items() if _meets(path, out)}
        for stage, entry in found.items()
    }
    for stage in TopologicalSorter(above).static_order():
        before, now = recorded.get(stage), found[stage]
        if before is None or _inputs(before, made) != _inputs(now, made):
            continue
        outs, expected = _digests(now, "outs"), _digests(before, "outs")
        if wrong := tuple(path for path in outs if outs[path] != expected.get(path)):
            return Difference(stage, wrong)
    return None


def compare(root: Path = Path()) -> Difference | None:
    """Compare the locks of a clone with those of its last commit; nothing to compare counts as no difference."""
    return first_difference(
        _stages(_committed(root, lock) for lock in LOCKS), _stages(_read(root / lock) for lock in LOCKS)
    )


def explain(difference: Difference, *, root: Path = Path(), processor: str | None = None) -> str:
    """Say which stage differs and what the record of processors says of this one."""
    name = processor if processor is not None else processor_name()
    what = f"{difference.stage} gives other bytes than on record ({', '.join(difference.outs)})"
    reason = known_reason(root, name)
    if reason is not None:
        return f"{what}; {PROCESSORS} says of this processor ({name}): {reason}"
    return f"{what}; {PROCESSORS} knows no reason for this processor ({name}) -> python -m tests.numerics.probe"


def known_reason(root: Path, processor: str) -> str | None:
    """Return why a processor's results differ, if the record lists it as one whose results do."""
    path = root / PROCESSORS
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return next((row["note"] for row in rows if row["processor"] == processor and row["result"] == "differs"), None)


def _inputs(entry: Entry, made: Mapping[str, str]) -> object:
    """Return the command, the parameters and what no stage makes: code and sources."""
    sources = {path: md5 for path, md5 in _digests(entry, "deps").items() if not any(_meets(path, out) for out in made)}
    return entry.get("cmd"), entry.get("params"), sources


def _meets(path: str, out: str) -> bool:
    return Path(path).is_relative_to(out) or Path(out).is_relative_to(path)


def _digests(entry: Entry, kind: str) -> dict[str, str]:
    return {item["path"]: item.get("md5", "") for item in entry.get(kind, [])}


def _stages(locks: Any) -> dict[str, Entry]:
    return {name: entry for text in locks for name, entry in _parse(text).items()}


def _parse(text: str) -> Mapping[str, Entry]:
    data = YAML(typ="safe", pure=True).load(text) if text else None
    stages: Mapping[str, Entry] = (data or {}).get("stages") or {}
    return stages


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _committed(root: Path, lock: str) -> str:
    command = ["git", "-C", str(root), "show", f"HEAD:./{lock}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
