"""Errors meant for a user: they name the trial, the file, the row and the remedy, and list every problem at once."""

import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass


class AffectflowError(Exception):
    """An error a user can mend; entry points print its text without a traceback."""


class ConfigError(AffectflowError):
    """params.yaml holds an unknown key or a value of the wrong type."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input, where it is, and what to do about it.

    Parameters
    ----------
    message : what is wrong, with the offending value
    file : path as the user wrote it, if one file is to blame
    row : line of `file`, counted from 1 as editors do
    trial : the trial it belongs to
    remedy : what the user can do
    """

    message: str
    file: str | None = None
    row: int | None = None
    trial: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.row is not None:
            place += f":{self.row}"
        parts = [part for part in (place, f"trial {self.trial}" if self.trial else "") if part]
        text = f"{', '.join(parts)}: {self.message}" if parts else self.message
        return f"{text} -> {self.remedy}" if self.remedy else text


class InputError(AffectflowError):
    """Some input is unusable; `problems` lists everything that was found, not only the first."""

    def __init__(self, summary: str, problems: Sequence[Problem]) -> None:
        self.summary = summary
        self.problems = tuple(problems)
        noun = "problem" if len(self.problems) == 1 else "problems"
        lines = [f"{summary}: {len(self.problems)} {noun}", *(f"  {problem}" for problem in self.problems)]
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, tuple[Problem, ...]]]:
        """Let worker processes hand the error over: exceptions are rebuilt from their text alone otherwise."""
        return (type(self), (self.summary, self.problems))


_SPACE = "free some space, or set AFFECTFLOW_CACHE to a folder on a larger disk, and run again; finished items are kept"
_RIGHTS = "make it writable for you, or set AFFECTFLOW_CACHE to a folder that is, and run again"
_FOLDER = (
    "there must be a folder: mount what the link leads to, move the file away, or set AFFECTFLOW_CACHE to another "
    "folder, and run again"
)
_DISK_REMEDIES = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "raise the limit of a file's size (ulimit -f), or use a file system that takes larger ones",
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EEXIST: _FOLDER,
    errno.ENOTDIR: _FOLDER,
    errno.EIO: "the disk or the way to it fails: look at the system's log, and run again when it is mended",
    errno.ESTALE: "the shared file system lost the file: mount it again, and run again",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or lower compute.workers",
}


WRITE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Errors of writing that do not say which file was written."""


def disk_error(error: BaseException) -> InputError | None:
    """Return what to tell the user where the disk or its rights are to blame, or None: then it is a fault of ours.

    HDF5 gives the system's number and the file in the text alone, in errors of several types; NumPy gives neither.
    """
    text = str(error)
    told = re.search(r"filename = '([^']*)'.*?errno = (\d+)", text, flags=re.DOTALL)
    if told:
        file, number = told.group(1), int(told.group(2))
    elif isinstance(error, OSError) and re.fullmatch("[0-9]+ requested and [0-9]+ written", text):
        file, number = None, errno.ENOSPC
    elif isinstance(error, OSError) and error.errno:
        file, number = str(error.filename) if error.filename else None, error.errno
    else:
        return None
    if number not in _DISK_REMEDIES:
        return None
    return InputError("the disk", [Problem(os.strerror(number), file=file, remedy=_DISK_REMEDIES[number])])
