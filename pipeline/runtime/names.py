"""One rule for what trials, models, backbones, ensembles and targets may be called: their names become files."""

import re
from typing import Annotated

from pydantic import AfterValidator

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LONGEST = 100
"""Characters: with a suffix the name still fits into a file's name, on every system."""

RESERVED = frozenset({"submission", "zarr.json"})
"""Files that lie beside those that are called after trials, in lower case."""

RULE = f"at most {LONGEST} of a-z, A-Z, 0-9, points, - and _, the first a letter or digit"


def name_fault(name: str) -> str | None:
    """Say why nothing may be called `name`, or None.

    Other letters are refused although most file systems take them: they exist in several spellings that look alike, and
    which of them a file has depends on the system that wrote it.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        return f"{shorten(name)} is no name for a file"
    if name.lower() in RESERVED:
        return f"{name!r} is the name of a file that the results have already"
    return None


def shorten(text: str, most: int = 80) -> str:
    """Return `text` in quotes, without line breaks and cut, for a message."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}... ({len(text)} characters)"


def _checked(name: str) -> str:
    fault = name_fault(name)
    if fault:
        raise ValueError(f"{fault}: use {RULE}")
    return name


Name = Annotated[str, AfterValidator(_checked)]
"""A name in a section of params.yaml."""
