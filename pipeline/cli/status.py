"""`affectflow status`: whether the index fits the corpus, and what `dvc repro` would run, in plain words."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer


def status() -> None:
    """Say whether the index is older than the corpus, which stages are out of date and why, and what is on record."""
    from pipeline.cli.record import compare
    from pipeline.cli.record import explain as explain_record
    from pipeline.config import load
    from pipeline.readers.index import is_stale
    from pipeline.readers.memory import FileMemory
    from pipeline.runtime.executor import Executor

    params = load()
    if not Path(params.corpus.index).is_file():
        typer.echo(f"index: there is none yet ({params.corpus.index}) -> run `affectflow index`")
    elif Path(params.corpus.root).is_dir():
        changes = is_stale(params.corpus, memory=FileMemory(), executor=Executor.from_config(params.compute))
        typer.echo(f"index: {changes} -> run `affectflow index`" if changes else f"index: {changes}")
    else:
        typer.echo(f"index: there is no corpus at {params.corpus.root} to compare with")
    stages = dvc_status()
    for line in explain(stages):
        typer.echo(line)
    typer.echo("stages: run `dvc repro`" if stages else "stages: all results are up to date")
    difference = compare() if params.compute.numerics == "portable" else None
    if difference is not None:
        typer.echo(f"record: {explain_record(difference)}")
    for path in orphans(Path(), set(params.result_names())):
        owner = "belongs to no model or ensemble of params.yaml"
        typer.echo(f"{path}: {owner}; remove it, or it stays in the report's dependencies")


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


def explain(stages: Mapping[str, Any]) -> Iterator[str]:
    """Say for each stage in ``dvc status --json`` why it is out of date, in one line."""
    for stage, reasons in stages.items():
        parts = []
        for reason in reasons:
            if isinstance(reason, str):
                parts.append("its command is new" if "command" in reason else reason)
                continue
            for kind, changes in reason.items():
                what = "result" if "outs" in kind else "input"
                parts += [_change(what, path, change) for path, change in changes.items()]
        yield f"{stage}: {'; '.join(parts)}"


def _change(what: str, path: str, change: object) -> str:
    """Put one changed path, or the changed values of a parameter file, into words."""
    if isinstance(change, Mapping):
        return "; ".join(f"parameter {name} {_state(state)}" for name, state in change.items())
    return f"{what} {path} {_state(change)}"


def _state(change: object) -> str:
    words = {"modified": "changed", "deleted": "is missing", "new": "is new", "not in cache": "is not in DVC's cache"}
    return words.get(str(change), str(change))


def orphans(root: Path, names: set[str]) -> list[Path]:
    """Return results of models and ensembles that params.yaml no longer has: DVC leaves them where they are."""
    patterns = ("models/*", "predictions/*", "metrics/*/*.json", "plots/*/*.csv")
    found = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return [path for path in found if path.stem not in names and not path.name.startswith(".")]
