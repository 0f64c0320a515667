"""What every reader answers, and how one is found: by its module's name, ``pipeline.readers.<kind>``.

A new kind of corpus is a new file.
"""

from importlib import import_module
from typing import Protocol, cast

from pipeline.corpora.config import CorpusConfig
from pipeline.corpora.trial import Trial
from pipeline.runtime.errors import ConfigError, Problem


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
