"""`affectflow weights`: which weights each backbone has, where published ones come from, and their checksums."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.cli.printing import Json, print_json, print_table

if TYPE_CHECKING:
    from pipeline.backbones.common.config import BackboneConfig

PARAMS = Path("params.yaml")
FOLDER = Path("data/weights")

State = Literal["random", "right", "missing", "unchecked", "different"]


@dataclass(frozen=True)
class Published:
    """A public file of weights.

    Parameters
    ----------
    file : its name
    trained_on, source : on what, and where it comes from
    sha256 : how its SHA-256 begins, where its publisher says so; else empty
    """

    file: str
    trained_on: str
    source: str
    sha256: str


@dataclass(frozen=True)
class Found:
    """What a backbone of params.yaml runs with.

    Parameters
    ----------
    backbone : its name
    weights : as in params.yaml
    state : ``random``; or whether the file is missing, has the SHA-256 of params.yaml, another, or none is given there
    sha256 : of the file that is there
    text : the state in words
    published : files that could be used
    """

    backbone: str
    weights: str
    state: State
    sha256: str | None
    text: str
    published: tuple[Published, ...]


def weights(
    write: Annotated[bool, typer.Option("--write", help="Put missing checksums into params.yaml.")] = False,
    as_json: Annotated[bool, Json] = False,
) -> None:
    """List each backbone's weights: what params.yaml names, whether it is there, and where published files come from.

    --write puts the SHA-256 of files that are there beside their `weights`, and leaves the rest of params.yaml as it
    is; a checksum that differs is never replaced. Exits with 1 where a file is missing or differs from its checksum.

    Example: `affectflow weights --write`
    """
    from pipeline.config import load

    found = [examine(name, config) for name, config in load(PARAMS).backbones.items()]
    unchecked = {one.backbone: one.sha256 for one in found if one.state == "unchecked" and one.sha256}
    if write and unchecked:
        text = PARAMS.read_text(encoding="utf-8")
        PARAMS.write_text(with_checksums(text, unchecked), encoding="utf-8")
        found = [examine(name, config) for name, config in load(PARAMS).backbones.items()]
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        rows = []
        for one in found:
            files = [f"{FOLDER / file.file} ({file.trained_on}; {file.source})" for file in one.published]
            rows.append((one.backbone, one.weights, one.text, "\n".join(files) or "none known"))
        print_table(("backbone", "weights", "state", "published files"), rows)
        if write:
            typer.echo(f"{PARAMS}: {len(unchecked)} checksums written")
    if any(one.state in ("missing", "different") for one in found):
        raise typer.Exit(1)


def published_weights() -> Mapping[str, tuple[Published, ...]]:
    """Return the public files of each backbone."""
    from importlib.resources import files

    text = files("pipeline.backbones").joinpath("published_weights.csv").read_text(encoding="utf-8")
    found: dict[str, tuple[Published, ...]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        one = Published(row["file"], row["trained_on"], row["source"], row["sha256"])
        found[row["backbone"]] = (*found.get(row["backbone"], ()), one)
    return found


def examine(name: str, config: "BackboneConfig") -> Found:
    """Compare a backbone's file with params.yaml, and with how its publisher says that its SHA-256 begins."""
    from pipeline.backbones.common.weights import RANDOM
    from pipeline.runtime.files import sha256_file

    published = published_weights().get(name, ())

    def found(state: State, text: str, sha256: str | None = None) -> Found:
        return Found(name, config.weights, state, sha256, text, published)

    if config.weights == RANDOM:
        there = [str(FOLDER / one.file) for one in published if (FOLDER / one.file).is_file()]
        use = f"; {there[0]} is there -> set backbones.{name}.weights to it" if there else ""
        return found("random", f"random, seed {config.seed}: no result about people{use}")
    path = Path(config.weights)
    if not path.is_file():
        return found("missing", "missing -> put the file there, or set `weights: random`")
    actual = sha256_file(path)
    known = next((one.sha256 for one in published if one.file == path.name), "")
    if not actual.startswith(known):
        text = f"SHA-256 {actual}, but the published file's begins with {known} -> fetch it again"
        return found("different", text, actual)
    if config.sha256 is None:
        return found("unchecked", f"SHA-256 {actual}, not in params.yaml yet -> affectflow weights --write", actual)
    if actual != config.sha256.lower():
        return found("different", f"SHA-256 {actual}, but params.yaml has {config.sha256} -> fetch it again", actual)
    return found("right", f"there, SHA-256 {actual[:12]}... as in params.yaml", actual)


def with_checksums(text: str, checksums: Mapping[str, str]) -> str:
    """Return a params.yaml with the SHA-256 of some backbones below their `weights`; no other line changes."""
    from ruamel.yaml import YAML

    data = YAML(typ="rt").load(text)
    lines = text.splitlines(keepends=True)
    places = []
    for name, sha256 in checksums.items():
        section = data["backbones"][name]
        row, column = section.lc.key("weights")
        places.append((row, column, section.fa.flow_style(), sha256))
    for row, column, flow, sha256 in sorted(places, reverse=True):
        if flow:
            lines[row] = f"{lines[row][:column]}sha256: {sha256}, {lines[row][column:]}"
        else:
            end = "" if lines[row].endswith("\n") else "\n"
            lines[row] += f"{end}{' ' * column}sha256: {sha256}\n"
    return "".join(lines)
