"""`affectflow run`: `dvc repro`, after everything that can be known to be wrong was looked at."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.corpus import check_corpus, check_params, made_by

FLAGS = ("-f", "--force", "--no-run-cache", "--pull", "--allow-missing", "--no-commit")
"""Options of `dvc repro` that mean the same for one stage as for all."""


def run(
    context: typer.Context,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Run so many independent stages side by side.")] = 1,
) -> None:
    """Validate params.yaml and the corpus, then run `dvc repro` with the arguments given, such as `train@grjca`.

    DVC reads params.yaml first and tells a mistake there in its own terms; this names the key and the remedy. With
    --jobs, each stage is a `dvc repro --single-item` of its own, begun when those before it are done; a stage that
    fails stops those that need it and no other. Each job uses compute.workers processes: divide the cores by the jobs.

    Exits with 1 after a mistake, and where a stage failed under --jobs; else as `dvc repro` does.

    Example: `affectflow run --jobs 2 report`
    """
    from pipeline.cli.jobs import run_side_by_side
    from pipeline.runtime.errors import ConfigError

    flags = [argument for argument in context.args if argument.startswith("-")]
    if jobs > 1 and (unknown := sorted(set(flags) - set(FLAGS))):
        raise ConfigError(
            f"--jobs: {', '.join(unknown)} is for a whole `dvc repro`; of its options {', '.join(FLAGS)} go"
        )
    ready()
    if jobs == 1:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "repro", *context.args], env=stage_environment(), check=False
        )
        _show_report(done.returncode)
        raise typer.Exit(done.returncode)
    targets = [argument for argument in context.args if not argument.startswith("-")]
    code = run_side_by_side(targets, flags, jobs=jobs, environment=stage_environment())
    _show_report(code)
    raise typer.Exit(code)


def _show_report(code: int) -> None:
    """Say where the page is, if it is there."""
    from pipeline.runtime.layout import REPORTS

    page = REPORTS / "index.html"
    if code == 0 and page.is_file():
        typer.echo(f"{page}: open it in a browser")


def ready() -> None:
    """Check params.yaml, the corpus, and that there is an index.

    Raises
    ------
    AffectflowError
        Lists what is wrong.
    """
    from pipeline.runtime.errors import ConfigError, InputError

    params = check_params()
    corpus, root = params.corpus, Path(params.corpus.root)
    maker = made_by(root)
    if maker is None or root.is_dir():
        problems = check_corpus(params, look=False)[1]
        if problems:
            raise InputError(f"the corpus {root} cannot be used", problems)
    if maker is None and not Path(corpus.index).is_file():
        raise ConfigError(f"{corpus.index}: the stages begin with this index, and it is not there -> affectflow index")


def stage_environment() -> dict[str, str]:
    """Return the variables for DVC: dvc.yaml calls `python`, which is this environment's, activated or not."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}
