"""The corpus index: one row per trial with a digest over the contents of its files.

A corpus of three million pictures is read once, in parallel, and checked on the way; the small table that comes out is
kept in git, and everything downstream depends on that table alone.
"""

import os
import pickle  # nosec B403 # of our own bytes alone
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.clips.target import targets_of
from pipeline.corpora.config import AffWild2Config, CorpusConfig
from pipeline.corpora.index_table import IndexRow, read_index, write_index
from pipeline.corpora.labels import format_of
from pipeline.corpora.trial import Trial
from pipeline.media.config import FacesConfig
from pipeline.readers.interface import open_corpus
from pipeline.readers.memory import FileMemory
from pipeline.readers.scan import Scan, scan_trial
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.executor import Executor, run
from pipeline.runtime.folders import work_folder
from pipeline.runtime.progress import Progress

__all__ = ["IndexChanges", "IndexRow", "Survey", "build_index", "is_stale", "read_index", "survey", "write_index"]


def build_index(config: CorpusConfig, *, memory: FileMemory, executor: Executor) -> tuple[IndexRow, ...]:
    """Read and check a whole corpus; files that `memory` knows are not read again.

    Returns
    -------
    The rows, sorted by trial, for `write_index`.

    Raises
    ------
    InputError
        Lists every problem of every file; nothing is written.
    """
    found = survey(config, memory=memory, executor=executor)
    if found.problems:
        raise InputError(f"the corpus {config.root} cannot be used", found.problems)
    return found.rows


@dataclass(frozen=True)
class IndexChanges:
    """How a corpus differs from its index; false where it does not."""

    changed: tuple[str, ...]
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.appeared or self.vanished)

    def __str__(self) -> str:
        kinds = {"changed": self.changed, "appeared": self.appeared, "vanished": self.vanished}
        found = [f"{len(names)} {kind} ({', '.join(names)})" for kind, names in kinds.items() if names]
        return "; ".join(found) or "the index matches the corpus"


def is_stale(config: CorpusConfig, *, memory: FileMemory, executor: Executor) -> IndexChanges:
    """Say which trials changed, appeared or vanished since the index was written; see `Survey.changes`."""
    return survey(config, memory=memory, executor=executor).changes(Path(config.index))


@dataclass(frozen=True)
class Survey:
    """What one reading of a corpus found.

    Parameters
    ----------
    rows : of its index, sorted by trial
    problems : of its layout and of its files
    facts : what each trial's files hold, see `pipeline.readers.scan.Scan`
    """

    rows: tuple[IndexRow, ...]
    problems: tuple[Problem, ...]
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def changes(self, index: Path) -> IndexChanges:
        """Compare with an index. Without one every trial has appeared."""
        before = {row.trial: row for row in read_index(index)} if index.is_file() else {}
        now = {row.trial: row for row in self.rows}
        return IndexChanges(
            changed=tuple(sorted(name for name in before.keys() & now.keys() if before[name] != now[name])),
            appeared=tuple(sorted(now.keys() - before.keys())),
            vanished=tuple(sorted(before.keys() - now.keys())),
        )


@dataclass(frozen=True)
class _Job:
    trial: Trial
    config: CorpusConfig
    memory: FileMemory
    output: Path
    look: FacesConfig | None = None


def survey(config: CorpusConfig, *, memory: FileMemory, executor: Executor, look: FacesConfig | None = None) -> Survey:
    """Read and check a whole corpus.

    Only files that `memory` does not know are read, so the answer is exact and, on the machine that built the index,
    quick.

    Parameters
    ----------
    look : how faces are found, resolved, to look for some in a few pictures of each video; None not to
    """
    corpus = open_corpus(config)
    trials = corpus.trials()
    problems = list(corpus.validate())
    scans: list[Scan] = []
    # Results pass through the cache's file system, which the machines of a cluster share.
    with work_folder(memory.root / "tmp") as folder, Progress("index", total=len(trials)) as progress:
        jobs = [_Job(trial, config, memory, folder / f"{number}", look) for number, trial in enumerate(trials)]
        for result in run(_scan, jobs, executor=executor, name=lambda job: job.trial.trial):
            if result.error is not None:
                raise result.error
            progress.advance(result.item.trial.trial)
        scans.extend(pickle.loads(job.output.read_bytes()) for job in jobs)  # noqa: S301  # nosec B301 # written a moment ago by _scan
    problems.extend(problem for scan in scans for problem in scan.problems)
    root = Path(config.root)
    rows = (_row(trial, scan, root) for trial, scan in zip(trials, scans, strict=True))
    return Survey(tuple(rows), tuple(problems), {scan.trial: scan.facts for scan in scans})


def _scan(job: _Job) -> None:
    config = job.config
    scan = scan_trial(
        job.trial,
        targets=targets_of(config.targets),
        form=format_of(config),
        size=config.image_size if isinstance(config, AffWild2Config) else None,
        memory=job.memory,
        look=job.look,
    )
    job.output.write_bytes(pickle.dumps(scan))


def _row(trial: Trial, scan: Scan, root: Path) -> IndexRow:
    def relative(path: Path | None) -> str:
        return "" if path is None else Path(os.path.relpath(path, root)).as_posix()

    return IndexRow(
        trial=trial.trial,
        partition=trial.partition,
        subject=trial.subject,
        video=relative(trial.video),
        audio=relative(trial.audio),
        images=relative(trial.images),
        annotation=relative(trial.annotation),
        n_images=scan.images,
        digest=scan.digest,
    )
