"""`affectflow run`: `dvc repro`, after everything that can be known to be wrong was looked at."""

import os
import subprocess
import sys
from pathlib import Path

import typer

from pipeline.cli.corpus import made_by, validate


def run(context: typer.Context) -> None:
    """Validate params.yaml and the corpus, then run `dvc repro` with the arguments given, such as `train@grjca`.

    DVC reads params.yaml first and tells a mistake there in its own terms; this names the key and the remedy. Exits
    with 1 after a mistake, else as `dvc repro` does.
    """
    from pipeline.config import load
    from pipeline.runtime.errors import ConfigError

    validate()
    corpus = load().corpus
    if not Path(corpus.index).is_file() and made_by(Path(corpus.root)) is None:
        raise ConfigError(f"{corpus.index}: the stages begin with this index, and it is not there -> affectflow index")
    # dvc.yaml calls `python`: this environment's, whether it was activated or not.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", *context.args], env={**os.environ, "PATH": path}, check=False
    )
    raise typer.Exit(done.returncode)
