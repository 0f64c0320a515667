"""`affectflow status`: whether the index fits the corpus, and what `dvc repro` would run, why, and for how long."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.printing import Json, duration, print_json, print_table

if TYPE_CHECKING:
    from pipeline.config import Params

COUNTED = ("clips", "extract", "train")
"""Stages whose items can be counted before they run."""

CODE = ("pipeline", "stages")

MOST_VALUES = 6
"""Changed values of one section that are named."""


@dataclass(frozen=True)
class Stale:
    """A stage that would run.

    Parameters
    ----------
    stage : its name
    reasons : why it would run
    after : stages before it that would run, whose results may change it again
    items, missing : how many items it has, and how many of them are in no cache; None where it cannot be known yet
    seconds : how long the missing ones take, by those computed last on this machine; None where that is not known
    """

    stage: str
    reasons: tuple[str, ...]
    after: tuple[str, ...] = ()
    items: int | None = None
    missing: int | None = None
    seconds: float | None = None

    def work(self) -> str:
        """Say how much there is to compute."""
        if self.missing is None or self.items is None:
            return f"after {self.after[0]}" if self.after else ""
        if not self.missing:
            return "nothing to compute"
        left = "time unknown" if self.seconds is None else f"about {duration(self.seconds)}"
        return f"{self.missing} of {self.items} items, {left}"


def status(as_json: Annotated[bool, Json] = False) -> None:
    """Say whether the index is older than the corpus, and which stages would run, why, and for how long.

    Reasons are parameters with their old and new value, files, folders of code, and results that are gone. Missing
    items are counted where all stages before are up to date; the time is that of the items computed last on this
    machine, and unknown where there were none. Exits with 0 whether or not anything would run.

    Example: `affectflow status --json | jq -r '.stages[].stage'`
    """
    from pipeline.cli.record import compare
    from pipeline.cli.record import explain as explain_record
    from pipeline.config import load

    params = load()
    index = index_state(params)
    stages = list(stale_stages(dvc_status(), params))
    difference = compare() if params.compute.numerics == "portable" else None
    record = explain_record(difference) if difference is not None else None
    gone = [str(path) for path in orphans(Path(), set(params.result_names()))]
    if as_json:
        print_json({"index": index, "stages": [asdict(one) for one in stages], "record": record, "orphans": gone})
        return
    typer.echo(f"index: {index}")
    if stages:
        print_table(
            ("stage", "why it would run", "to compute"),
            [(one.stage, "\n".join(one.reasons), one.work()) for one in stages],
        )
    typer.echo("stages: run `affectflow run`" if stages else "stages: all results are up to date")
    if record is not None:
        typer.echo(f"record: {record}")
    for path in gone:
        owner = "belongs to no model or ensemble of params.yaml"
        typer.echo(f"{path}: {owner}; remove it, or it stays in the report's dependencies")


def index_state(params: "Params") -> str:
    """Say whether the index is there and fits the corpus."""
    from pipeline.readers.index import is_stale
    from pipeline.readers.memory import FileMemory
    from pipeline.runtime.executor import Executor

    corpus = params.corpus
    if not Path(corpus.index).is_file():
        return f"there is none yet ({corpus.index}) -> run `affectflow index`"
    if not Path(corpus.root).is_dir():
        return f"there is no corpus at {corpus.root} to compare with"
    changes = is_stale(corpus, memory=FileMemory(), executor=Executor.from_config(params.compute))
    return f"{changes} -> run `affectflow index`" if changes else str(changes)


def dvc_status() -> dict[str, Any]:
    """Return what ``dvc status --json`` says.

    Raises
    ------
    AffectflowError
        DVC fails, with its message.
    """
    from pipeline.runtime.errors import AffectflowError

    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AffectflowError(f"`dvc status` failed:\n{done.stderr.strip() or done.stdout.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout or "{}")
    return answer


def stale_stages(answer: Mapping[str, Any], params: "Params") -> Iterator[Stale]:
    """Yield the stages of ``dvc status --json`` that `dvc repro` would run, in its order, with what they miss."""
    from pipeline.cli.corpus import made_by
    from pipeline.cli.jobs import read_graph, stages_before
    from pipeline.cli.run import stage_environment
    from pipeline.runtime.section import read_yaml

    # DVC lists the stages of every dvc.yaml; one that makes another corpus is not part of this graph.
    maker = made_by(Path(params.corpus.root))
    stale = {name: changes for name, changes in answer.items() if ":" not in name or name.startswith(f"{maker}:")}
    graph = read_graph((), stage_environment()) if stale else {}
    recorded, now = recorded_params(), read_yaml("params.yaml")
    for stage, changes in stale.items():
        after = tuple(sorted(stages_before(graph, stage) & stale.keys()))
        reasons = tuple(explain(changes, old=recorded.get(stage, {}), new=now))
        if after or stage.partition("@")[0] not in COUNTED:
            yield Stale(stage, reasons, after)
        else:
            yield Stale(stage, reasons, **count_items(stage))


def recorded_params() -> dict[str, dict[str, Any]]:
    """Return the parameters that each stage last ran with, by their path, from dvc.lock."""
    from pipeline.runtime.section import read_yaml

    lock = Path("dvc.lock")
    stages = (read_yaml(lock) or {}).get("stages", {}) if lock.is_file() else {}
    return {name: dict((entry.get("params") or {}).get("params.yaml") or {}) for name, entry in stages.items()}


def count_items(stage: str) -> dict[str, Any]:
    """Ask a stage how many items it misses; nothing where it cannot say, since an input is not there."""
    import os

    from pipeline.cli.run import stage_environment
    from pipeline.runtime.estimate import COUNT

    module, _, item = stage.partition("@")
    command = [sys.executable, "-m", f"stages.{module}", *([item] if item else [])]
    environment = {**stage_environment(), COUNT: "1", "AFFECTFLOW_LOG": "ERROR"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), environment.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return {}
    count = json.loads(lines[-1])
    return {"items": count["total"], "missing": count["missing"], "seconds": count["seconds"]}


def explain(changes: list[Any], *, old: Mapping[str, Any], new: Any) -> Iterator[str]:
    """Say why a stage of ``dvc status --json`` is out of date.

    Parameters
    ----------
    changes : of the stage
    old : the parameters that it last ran with, by their path
    new : params.yaml as it is
    """
    for change in changes:
        if isinstance(change, str):
            yield "its command is new" if "command" in change else change
            continue
        for kind, entries in change.items():
            for path, state in entries.items():
                if isinstance(state, Mapping):
                    yield from _changed_params(path, state, old, new)
                elif "outs" in kind:
                    yield f"result {path} {_state(state)}"
                else:
                    what = "code" if Path(path).parts[0] in CODE else "input"
                    yield f"{what} {path} {_state(state)}"


def _changed_params(file: str, states: Mapping[str, Any], old: Mapping[str, Any], new: Any) -> Iterator[str]:
    for path, state in states.items():
        now = _at(new, path)
        if file != "params.yaml" or path not in old or now is None:
            yield f"parameter {path} {_state(state)}"
            continue
        found = list(differences(path, old[path], now))
        yield from (f"parameter {where}: {before} -> {after}" for where, before, after in found[:MOST_VALUES])
        if len(found) > MOST_VALUES:
            yield f"parameter {path}: {len(found) - MOST_VALUES} more values"


def differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the path, old and new value of each value that differs; one that is not there is ``(not set)``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in old or key not in new or old[key] != new[key]:
                missing = object()
                before, after = old.get(key, missing), new.get(key, missing)
                if before is missing or after is missing:
                    words = ["(not set)" if value is missing else _value(value) for value in (before, after)]
                    yield f"{path}.{key}", words[0], words[1]
                else:
                    yield from differences(f"{path}.{key}", before, after)
    elif old != new:
        yield path, _value(old), _value(new)


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _at(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _state(change: object) -> str:
    words = {"modified": "changed", "deleted": "is missing", "new": "is new", "not in cache": "is not in DVC's cache"}
    return words.get(str(change), str(change))


def orphans(root: Path, names: set[str]) -> list[Path]:
    """Return results of models and ensembles that params.yaml no longer has: DVC leaves them where they are."""
    patterns = ("models/*", "predictions/*", "metrics/*/*.json", "plots/*/*.csv")
    found = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return [path for path in found if path.stem not in names and not path.name.startswith(".")]
