"""`affectflow index` and `affectflow validate`: what the corpus of params.yaml holds, and what is wrong with it."""

from collections import Counter
from pathlib import Path

import typer


def index() -> None:
    """Read the corpus of params.yaml once and write its index, on which the DAG hangs."""
    from pipeline.config.params import load
    from pipeline.corpora.index import build_index
    from pipeline.corpora.index_table import write_index
    from pipeline.corpora.memory import FileMemory
    from stages._stage import executor_of

    params = load()
    corpus = params.corpus
    rows = build_index(corpus, memory=FileMemory(), executor=executor_of(params))
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
    from pipeline.config.params import load
    from pipeline.corpora.index import is_stale
    from pipeline.corpora.index import validate as find_problems
    from pipeline.corpora.memory import FileMemory
    from pipeline.errors import InputError
    from stages._stage import executor_of

    params = load()
    corpus, memory, executor = params.corpus, FileMemory(), executor_of(params)
    problems = find_problems(corpus, memory=memory, executor=executor)
    if problems:
        raise InputError(f"the corpus {corpus.root} cannot be used", problems)
    typer.echo(f"{corpus.root}: no problem found")
    changes = is_stale(corpus, memory=memory, executor=executor)
    typer.echo(f"{corpus.index} is older than the corpus: {changes} -> run `affectflow index`" if changes else changes)
