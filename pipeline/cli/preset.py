"""`affectflow preset`: a params.yaml for each published experiment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.printing import Json, print_json, print_table

if TYPE_CHECKING:
    from pipeline.config import Params

PRESETS = Path("presets")
PARAMS = Path("params.yaml")


def names(incomplete: str) -> list[str]:
    """Return the presets that a shell can complete a name to."""
    return sorted(file.stem for file in PRESETS.glob(f"{incomplete}*.yaml"))


def preset(
    name: Annotated[str | None, typer.Argument(help="A preset; none lists them.", autocompletion=names)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a params.yaml that was edited by hand.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Only print all values, defaults included, as YAML.")] = False,
    as_json: Annotated[bool, Json] = False,
) -> None:
    """Write params.yaml from presets/NAME.yaml, or list what there is; a star marks the preset that is in use.

    Example: `affectflow preset affwild2-grjca`
    """
    from pipeline.config import load
    from pipeline.runtime.errors import AffectflowError
    from pipeline.runtime.section import nearest

    files = {file.stem: file for file in sorted(PRESETS.glob("*.yaml"))}
    if not files:
        raise AffectflowError(f"no {PRESETS}/*.yaml here; run this in the root of a clone")
    current = PARAMS.read_bytes() if PARAMS.is_file() else None
    if name is None:
        found = [(stem, _headline(file), file.read_bytes() == current) for stem, file in files.items()]
        if as_json:
            print_json([{"preset": stem, "headline": text, "in_use": used} for stem, text, used in found])
        else:
            print_table(("", "preset", "experiment"), [("*" if used else "", stem, text) for stem, text, used in found])
        return
    if name not in files:
        raise AffectflowError(f"no preset {name!r}{nearest(name, files)}")
    params = load(files[name])
    if full:
        typer.echo(effective(params), nl=False)
        return
    edited = current is not None and all(current != file.read_bytes() for file in files.values())
    if edited and not force:
        raise AffectflowError(f"{PARAMS} differs from every preset; keep a copy of it, then repeat with --force")
    PARAMS.write_bytes(files[name].read_bytes())
    typer.echo(f"{PARAMS} is now {files[name]}; `affectflow run` runs it")


def effective(params: "Params") -> str:
    """Write every section with all its values, those that are defaults included, as YAML that DVC can run."""
    from io import StringIO

    from ruamel.yaml import YAML

    data = params.model_dump(mode="json")
    for model in data["models"].values():
        # dvc.yaml reads the first, second and last entry.
        model["streams"] *= 2 if len(model["streams"]) == 1 else 1
    text = StringIO()
    YAML().dump(_lists_on_one_line(data), text)
    return text.getvalue()


def _lists_on_one_line(value: Any) -> Any:
    from ruamel.yaml.comments import CommentedSeq

    if isinstance(value, dict):
        return {key: _lists_on_one_line(inner) for key, inner in value.items()}
    if isinstance(value, list):
        value = CommentedSeq(value)
        value.fa.set_flow_style()
    return value


def _headline(file: Path) -> str:
    """Return the first sentence of the comment at the head of a preset."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines).split(". ")[0].rstrip(".")
