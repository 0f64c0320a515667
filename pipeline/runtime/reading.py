"""Reading what a stage wrote: damage becomes a message that names file and remedy, whichever library finds it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.runtime.errors import InputError, Problem, disk_error
from pipeline.runtime.names import shorten

FAULTS = (ArithmeticError, EOFError, LookupError, OSError, RecursionError, RuntimeError, TypeError, ValueError)
"""What libraries raise where bytes are not those of their format."""

REPAIR = "run `affectflow cache verify --repair`, then `dvc repro`"
"""What helps against a damaged result, in whichever cache the damage is, too."""


@contextmanager
def reading(path: Path, *, what: str, remedy: str, damaged: str = REPAIR, trial: str | None = None) -> Iterator[None]:
    """Turn errors of the block, which reads one file, into a message for the user.

    Parameters
    ----------
    path : of the file
    what : begins the message
    remedy : how to get the file where it is missing
    damaged : what helps where it is there, but damaged
    trial : to which it belongs

    Raises
    ------
    InputError
        The file is missing, damaged or of another version, or the disk fails.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(what, [Problem("no such file", file=str(path), trial=trial, remedy=remedy)]) from error
    except FAULTS as error:
        told = disk_error(error)
        reason = shorten(str(error), 200)
        problem = Problem(f"damaged, or of another version: {reason}", file=str(path), trial=trial, remedy=damaged)
        raise told or InputError(what, [problem]) from error
