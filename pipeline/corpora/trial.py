"""What every corpus answers: which trials it has, and which files each one consists of.

A trial is one subject in one video. A reader is found by its module's name, ``pipeline.corpora.<kind>``, so that a new
kind of corpus is a new file.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from pipeline.clips.partition import Partition
from pipeline.corpora.config import CorpusConfig
from pipeline.runtime.errors import ConfigError, Problem


@dataclass(frozen=True)
class Trial:
    """One trial and its files, which need not exist yet.

    Parameters
    ----------
    trial : its name, unique in the corpus
    partition : which part of the corpus' official split it belongs to
    subject : trials with the same subject are kept on one side of a subject-wise fold
    video : the video, with the sound unless `audio` is given
    images : folder of the face crops, named by frame number, or None where faces are to be found in the video
    annotation : its labels, or None where there are none (a test set); `pipeline.corpora.labels.PER_TARGET` in the path
        stands for the name of each target that has a file of its own
    audio : a separate file with the sound, or None
    """

    trial: str
    partition: Partition
    subject: str
    video: Path
    images: Path | None
    annotation: Path | None
    audio: Path | None = None


class Corpus(Protocol):
    """A reader of one kind of corpus."""

    def trials(self) -> tuple[Trial, ...]:
        """Return every trial that the corpus names, sorted by name."""
        ...

    def validate(self) -> tuple[Problem, ...]:
        """Return what is wrong with the layout: folders, lists and names. File contents are the index's to check."""
        ...


def open_corpus(config: CorpusConfig) -> Corpus:
    """Return the reader of `config.kind`: the class named by the module's constant ``CORPUS``.

    Raises
    ------
    ConfigError
        There is no reader of that kind.
    """
    name = f"pipeline.readers.{config.kind}"
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ConfigError(f"corpus.kind: there is no reader for {config.kind!r} ({name})") from error
    return cast(Corpus, module.CORPUS(config))
