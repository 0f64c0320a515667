"""`affectflow deps`: keep the code dependencies in dvc.yaml equal to what the stages import."""

from pathlib import Path
from typing import Annotated

import typer


def deps(
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if dvc.yaml is not up to date.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Bring dvc.yaml up to date.")] = False,
) -> None:
    """Compare each stage's code dependencies with what its entry module imports."""
    from pipeline.dag import read_stages, write_stages
    from pipeline.errors import AffectflowError

    root = Path()
    if write:
        for stage in write_stages(root):
            typer.echo(f"{stage.file}: {stage.stage}: +{len(stage.missing)} -{len(stage.superfluous)}")
        return
    stages = read_stages(root)
    lines = []
    for stage in stages:
        where = f"{stage.file}: {stage.stage}:"
        lines += [f"{where} missing {path}" for path in stage.missing]
        lines += [f"{where} superfluous {path}" for path in stage.superfluous]
        if not stage.missing and not stage.superfluous and stage.present != stage.expected:
            lines.append(f"{where} out of order, or listed twice")
    if check and lines:
        raise AffectflowError("\n".join(["code dependencies differ; mend with `affectflow deps --write`", *lines]))
    for stage in stages:
        counts = f"{len(stage.missing)} missing, {len(stage.superfluous)} superfluous"
        typer.echo(f"{stage.file}: {stage.stage}: {len(stage.expected)} files, {counts}")
