"""`affectflow index` and `affectflow validate`: what the corpus of params.yaml holds, and what is wrong with it."""

from collections import Counter
from pathlib import Path

import typer


def index() -> None:
    """Read the corpus of params.yaml once and write its index, on which the DAG hangs."""
    from pipeline.config import load
    from pipeline.corpora.index_table import write_index
    from pipeline.readers.index import build_index
    from pipeline.readers.memory import FileMemory
    from pipeline.runtime.executor import Executor

    params = load()
    corpus = params.corpus
    rows = build_index(corpus, memory=FileMemory(), executor=Executor.from_config(params.compute))
    path = Path(corpus.index)
    before = path.read_bytes() if path.is_file() else None
    write_index(path, rows)
    parts = Counter(row.partition for row in rows)
    counts = ", ".join(f"{count} {part}" for part, count in sorted(parts.items()))
    subjects = len({row.subject for row in rows})
    state = "unchanged" if before == path.read_bytes() else "written; keep it in git"
    typer.echo(f"{path}: {len(rows)} trials ({counts}) of {subjects} subjects, {state}")


def validate() -> None:
    """Check the corpus of params.yaml and list every problem with its file and row; exit 1 if there is any."""
    from pipeline.config import load
    from pipeline.readers.index import survey
    from pipeline.readers.memory import FileMemory
    from pipeline.runtime.errors import InputError
    from pipeline.runtime.executor import Executor

    params = load()
    corpus = params.corpus
    found = survey(corpus, memory=FileMemory(), executor=Executor.from_config(params.compute))
    if found.problems:
        raise InputError(f"the corpus {corpus.root} cannot be used", found.problems)
    typer.echo(f"{corpus.root}: no problem found")
    changes = found.changes(Path(corpus.index))
    typer.echo(f"{corpus.index} is older than the corpus: {changes} -> run `affectflow index`" if changes else changes)
