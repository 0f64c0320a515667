"""`affectflow init`: a params.yaml, and for a table its manifest, for a corpus of one's own."""

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.new_params import FILES, NewCorpus, default_title, params_text
from pipeline.cli.printing import Json, print_json, print_table

if TYPE_CHECKING:
    from pipeline.cli.corpus_files import Found

PARAMS = Path("params.yaml")
FOLDS = 5
SHOWN = 20
NEXT = {
    "affectflow validate": "checks everything, and shows each trial",
    "affectflow index": "reads the corpus once",
    "affectflow run": "validates, then computes all up to reports/index.html",
}
"""The commands that follow, and what for."""

Ranges = Mapping[str, tuple[float, float]]


class Kind(StrEnum):
    """Which reader a corpus is for."""

    table = "table"
    affwild2 = "affwild2"
    recola = "recola"


@dataclass
class Answer:
    """What was written and found, what a person should look at, what is missing, and what to do next."""

    written: list[str] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)
    check: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=lambda: list(NEXT))


def init(
    kind: Annotated[Kind, typer.Argument(help="table: videos and labels of one's own; or a published corpus.")],
    root: Annotated[Path, typer.Option("--root", help="The folder of the corpus.")],
    title: Annotated[str | None, typer.Option(help="Of the report; made from the folder's name otherwise.")] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", help="NAME=LOW:HIGH, what is annotated; once for each target.")
    ] = None,
    manifest: Annotated[Path | None, typer.Option(help="A table that is there, or where to write it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the params.yaml that is there.")] = False,
    as_json: Annotated[bool, Json] = False,
) -> None:
    """Write a params.yaml for a corpus, and for a table its manifest where there is none; say what is missing.

    Videos, sounds and labels of a table are matched by their names. Nothing but params.yaml is ever replaced, and that
    with --force alone. Exits with 1 where nothing could be written.

    Example: `affectflow init table --root /data/interviews --target fatigue=0:10`
    """
    from pipeline.runtime.errors import ConfigError

    if not root.is_dir():
        raise ConfigError(f"--root {root}: no such folder")
    if PARAMS.exists() and not force:
        raise ConfigError(f"{PARAMS} is there already -> {_way_back()}; then repeat with --force")
    if manifest is not None and kind is not Kind.table:
        raise ConfigError(f"--manifest: {kind.value} has none; the corpus itself says which trials there are")
    targets, answer = _targets(target or []), Answer()
    corpus = _table(root, manifest, targets, answer) if kind is Kind.table else _published(kind, root, targets, answer)
    weights = _weights(tuple(FILES) if corpus.sound else ("ir50",), answer)
    text = params_text(replace(corpus, title=title or default_title(root), weights=weights))
    PARAMS.write_text(text, encoding="utf-8")
    answer.written.insert(0, str(PARAMS))
    if _is_untracked(root):
        answer.check.append(f"git does not ignore {root} -> echo {shlex.quote(f'/{root.as_posix()}')} >> .gitignore")
    _print(answer, as_json=as_json)


def _targets(given: Sequence[str]) -> dict[str, tuple[float, float]]:
    from pipeline.runtime.errors import ConfigError
    from pipeline.runtime.names import RULE, name_fault

    targets = {}
    for text in given:
        match = re.fullmatch(r"([^=]+)=([^:]+):([^:]+)", text)
        try:
            name, low, high = match.groups() if match else (text, "", "")
            targets[name] = (float(low), float(high))
        except ValueError:
            raise ConfigError(f"--target {text}: write NAME=LOW:HIGH, such as fatigue=0:10") from None
        if fault := name_fault(name):
            raise ConfigError(f"--target {text}: {fault}; use {RULE}")
        if not targets[name][0] < targets[name][1]:
            raise ConfigError(f"--target {text}: the range is empty")
    return targets


def _table(root: Path, manifest: Path | None, targets: Ranges, answer: Answer) -> NewCorpus:
    from pipeline.cli.corpus_files import find_targets, find_trials, people, table_text
    from pipeline.runtime.errors import ConfigError

    path = manifest or Path("data") / f"{_name(root)}.csv"
    found = find_trials(root)
    if not path.exists() and not found.matches:
        raise ConfigError(f"{root}: there is no video in it or below -> set --root to the folder of the videos")
    guessed, problems = find_targets(root, found)
    answer.missing += problems
    if not targets and not guessed:
        what = "no label file names a target" if any(match.labels for match in found.matches) else "there are no labels"
        raise ConfigError(f"{root}: {what} -> say what is annotated: --target NAME=LOW:HIGH")
    subjects = people([match for match in found.matches if match.labels])
    answer.found = {
        "videos": len(found.matches),
        "with labels": sum(bool(match.labels) for match in found.matches),
        "with a sound file": sum(bool(match.audio) for match in found.matches),
        "people": len(people(found.matches)),
    }
    if path.exists():
        answer.check.append(f"{path} was there already, and is used as it is")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(table_text(found.matches), encoding="utf-8")
        answer.written.append(str(path))
        _tell_matches(found, path, answer)
        if len(subjects) < 2:
            remedy = f"folds need two at the least -> column subject of {path}"
            answer.missing.append(f"people: {len(subjects)} with labelled videos, and {remedy}")
    if not targets:
        scales = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in guessed.items())
        answer.check.append(f"corpus.targets: {scales}, guessed from the labels: correct a scale that is another")
    return NewCorpus(
        kind="table",
        root=root.as_posix(),
        index=f"data/{_name(root)}_index.csv",
        manifest=path.as_posix(),
        title="",
        targets=targets or guessed,
        guessed=not targets,
        sound=_has_sound(root, found, answer),
        folds=max(2, min(FOLDS, len(subjects))),
        weights={},
    )


def _name(root: Path) -> str:
    """Return a name for a corpus' own files."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", root.resolve().name).strip("._-") or "corpus"


def _tell_matches(found: "Found", path: Path, answer: Answer) -> None:
    """Say how rows were made, and what was left over."""
    from pipeline.cli.corpus_files import people

    subjects = people(found.matches)
    some = "; ".join(f"{name}: {_some(trials, 3)}" for name, trials in list(subjects.items())[:4])
    some += f" and {len(subjects) - 4} more" if len(subjects) > 4 else ""
    origin = "is taken from the names of files or folders"
    answer.check.append(f"column subject of {path} {origin} ({some}): one name per person")
    bare = [match.trial for match in found.matches if not match.labels]
    if bare:
        what = "they are in the partition test, and only predicted"
        answer.missing.append(f"labels of {len(bare)} of {len(found.matches)} videos ({_some(bare)}): {what}")
    answer.missing += [f"not in the table: {line}" for line in found.left_over[:SHOWN]]
    if len(found.left_over) > SHOWN:
        answer.missing.append(f"not in the table: {len(found.left_over) - SHOWN} more files")


def _some(names: Sequence[str], count: int = SHOWN) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def _has_sound(root: Path, found: "Found", answer: Answer) -> bool:
    """Say whether any trial has sound, by the headers of the files, and name those that have none."""
    import av

    silent = []
    for match in found.matches:
        if not match.audio:
            try:
                with av.open(str(root / match.video), metadata_errors="replace") as container:
                    if not container.streams.audio:
                        silent.append(match.trial)
            except av.FFmpegError:
                continue  # `affectflow validate` says what is wrong with it
    if silent and len(silent) == len(found.matches):
        answer.check.append("no video has sound: params.yaml has the models of the picture alone")
        return False
    if silent:
        remedy = "give them a sound file (column audio), take them out, or remove vggish and its models"
        answer.missing.append(f"sound of {len(silent)} of {len(found.matches)} videos ({_some(silent)}) -> {remedy}")
    return True


def _published(kind: Kind, root: Path, targets: Ranges, answer: Answer) -> NewCorpus:
    from pipeline.corpora.config import KINDS
    from pipeline.readers.interface import open_corpus

    index = f"data/{_name(root)}_index.csv"
    ranges = targets or {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}
    settings = {"kind": kind.value, "root": root.as_posix(), "index": index, "targets": ranges}
    corpus = open_corpus(KINDS[kind.value].model_validate(settings))
    trials = corpus.trials()
    parts = {part: sum(trial.partition == part for trial in trials) for part in ("train", "validation", "test")}
    answer.found = {"trials": len(trials), **parts}
    answer.missing += [str(problem) for problem in corpus.validate()]
    return NewCorpus(
        kind=kind.value,
        root=root.as_posix(),
        index=index,
        manifest=None,
        title="",
        targets=ranges,
        guessed=False,
        sound=True,
        folds=2,
        weights={},
    )


def _weights(names: Sequence[str], answer: Answer) -> dict[str, str]:
    """Return the SHA-256 of each backbone's published weights that are there."""
    from pipeline.runtime.files import sha256_file

    there = {name: sha256_file(Path(FILES[name])) for name in names if Path(FILES[name]).is_file()}
    for name in names:
        if name not in there:
            answer.check.append(f"{name} has random weights: {FILES[name]} is not there -> affectflow weights")
    return there


def _is_untracked(root: Path) -> bool:
    """Say whether git would take the corpus for files of the repository."""
    if root.is_absolute() or ".." in root.parts:
        return False
    ignored = subprocess.run(["git", "check-ignore", "--quiet", str(root)], capture_output=True, check=False)
    return ignored.returncode == 1


def _way_back() -> str:
    """Say how to keep what a params.yaml holds."""
    for preset in sorted(Path("presets").glob("*.yaml")):
        if preset.read_bytes() == PARAMS.read_bytes():
            return f"it is the preset {preset.stem}, unchanged: `affectflow preset {preset.stem}` brings it back"
    return f"keep a copy of it: {shlex.join(['cp', str(PARAMS), 'my_params.yaml'])}"


def _print(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(answer))
        return
    typer.echo(f"written: {', '.join(answer.written)}")
    print_table(list(answer.found), [list(answer.found.values())])
    for head, lines in (("look at", answer.check), ("missing", answer.missing)):
        if lines:
            typer.echo(f"{head}:")
            for line in lines:
                typer.echo(f"  {line}")
    typer.echo("next:")
    for command in answer.next:
        typer.echo(f"  {command:<22}# {NEXT[command]}")
