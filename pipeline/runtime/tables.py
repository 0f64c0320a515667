"""Text files of rows, read within bounds, and their bad rows listed by line."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import shorten

LARGEST_TABLE = 256 * 2**20
"""Bytes. The largest table in use, a challenge's sample submission of a million rows, has 50 MB."""

LARGEST_LABELS = 32 * 2**20
"""Bytes. An hour of labels at 60 frames per second has 5 MB."""

LONGEST_LINE = 100_000
MOST_COLUMNS = 100

LISTED = 20
"""Rows of one file that are listed one by one before the rest is summed up."""

MOST_BAD = 1000
"""Bad rows of one file after which reading stops."""

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
UTF8 = "save it as plain text in UTF-8 (a spreadsheet calls it `CSV UTF-8`)"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a file in UTF-16 begins: the `Unicode text` of spreadsheets."""


class BadRows:
    """The bad rows of one file.

    Parameters
    ----------
    file : path as the user wrote it
    remedy : what to do about a row
    """

    def __init__(self, file: str | Path, remedy: str) -> None:
        self.file = str(file)
        self.remedy = remedy
        self._found: list[tuple[int, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, row: int, message: str) -> None:
        """Note what is wrong with a line, counted from 1."""
        self._found.append((row, message))

    @property
    def enough(self) -> bool:
        """Whether there are so many that reading on helps nobody."""
        return len(self._found) >= MOST_BAD

    def problems(self) -> list[Problem]:
        """Return a problem for each of the first, and one for the rest."""
        first, rest = self._found[:LISTED], [row for row, _ in self._found[LISTED:]]
        problems = [Problem(message, file=self.file, row=row, remedy=self.remedy) for row, message in first]
        if rest:
            what = f"{len(rest)} more bad rows: {ranges(rest)}"
            what += ", and perhaps others after them" if self.enough else ""
            problems.append(Problem(what, file=self.file, row=rest[0], remedy=self.remedy))
        return problems


def ranges(numbers: Sequence[int]) -> str:
    """Write ascending numbers shortly: ``[1, 2, 3, 7]`` as ``"1-3, 7"``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def read_bounded(path: Path, *, largest: int, what: str) -> bytes:
    """Read a file of at most `largest` bytes; `what` begins the message.

    Raises
    ------
    InputError
        It is larger, no file, or cannot be read.
    """
    _check_size(path, largest=largest, what=what)
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, what=what) from error


def lines_of(data: bytes, *, file: str, what: str) -> list[str]:
    """Return the lines of a text file in UTF-8, or in UTF-16 with its mark, without blank ones at the end.

    Raises
    ------
    InputError
        It is no text file.
    """
    try:
        text = data.decode(_encoding(data)).rstrip()
    except UnicodeDecodeError as error:
        raise InputError(what, [Problem(f"not a text file ({error.reason})", file=file, remedy=UTF8)]) from error
    # Not str.splitlines, which takes a form feed for the end of a line: editors count otherwise.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if text else []


def read_rows(path: Path, bad: BadRows, *, what: str, separators: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each line of a CSV file that is not blank; what is no row goes to `bad`.

    A row is a line: a cell with a line break in it would shift all that is counted by lines.

    Parameters
    ----------
    what : begins the message of an error
    separators : what may part cells; the one that the first line has most of parts them all

    Raises
    ------
    InputError
        The file is too large, no text, or cannot be read.
    """
    _check_size(path, largest=LARGEST_TABLE, what=what)
    try:
        with path.open("rb") as start:
            encoding = _encoding(start.read(2))
        with path.open(encoding=encoding) as file:
            separator = separators[0]
            for number, line in enumerate(file, start=1):
                if bad.enough:
                    return
                if number == 1:
                    separator = max(separators, key=line.count)
                try:
                    cells = _cells(line.removesuffix("\n"), separator)
                except (csv.Error, ValueError) as error:
                    bad.add(number, str(error))
                else:
                    if cells:
                        yield number, cells
    except UnicodeDecodeError as error:
        raise InputError(what, [Problem(f"not a text file ({error.reason})", file=str(path), remedy=UTF8)]) from error
    except OSError as error:
        raise unreadable(path, error, what=what) from error


def unreadable(path: Path, error: OSError, *, what: str) -> InputError:
    """Return what to tell the user of a file that the system does not let us read."""
    reason = error.strerror or type(error).__name__
    remedy = "check the file, its disk, and who may read it"
    return InputError(what, [Problem(f"cannot be read: {reason}", file=str(path), remedy=remedy)])


def _check_size(path: Path, *, largest: int, what: str) -> None:
    try:
        if not path.is_file():
            raise InputError(what, [Problem("not a file", file=str(path), remedy="name a file")])
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error, what=what) from error
    if size > largest:
        message = f"{size} bytes, where at most {largest} are expected"
        raise InputError(what, [Problem(message, file=str(path), remedy="see whether it is the right file")])


def _encoding(data: bytes) -> str:
    """Return the encoding of a text by how it begins."""
    return "utf-16" if data[:2] in UTF16 else "utf-8-sig"


def _cells(line: str, separator: str) -> list[str]:
    if len(line) > LONGEST_LINE or line.count(separator) >= MOST_COLUMNS:
        raise ValueError(f"{line.count(separator) + 1} columns of {len(line)} characters, where few are expected")
    control = CONTROL.search(line)
    if control:
        raise ValueError(f"a control character ({control[0]!r}) in {shorten(line)}")
    if '"' not in line:
        return line.split(separator) if line.strip() else []
    try:
        return next(csv.reader([line], strict=True, delimiter=separator))
    except csv.Error as error:
        raise ValueError(f"a quoted cell must end in its line ({error}), got {shorten(line)}") from None
