"""Reading what a user hands over: its remedy is never to run a stage again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline.runtime.errors import InputError
from pipeline.runtime.reading import REPAIR, reading


@contextmanager
def reading_handed(path: Path, *, what: str, remedy: str) -> Iterator[None]:
    """Do as `pipeline.runtime.reading.reading`, with the same remedy for a damaged file as for a missing one.

    Raises
    ------
    InputError
        as there
    """
    try:
        with reading(path, what=what, remedy=remedy):
            yield
    except InputError as error:
        problems = [replace(one, remedy=remedy) if one.remedy == REPAIR else one for one in error.problems]
        raise InputError(error.summary, problems) from error
