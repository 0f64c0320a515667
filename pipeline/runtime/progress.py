"""One progress object for all long work: a bar with the time left on a terminal, plain lines in a log."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

LOG_EVERY = 5.0
"""Seconds between two lines of a log."""


class Progress:
    """Counts finished items of one named piece of work.

    Parameters
    ----------
    label : what is being done, such as ``"extract ir50"``
    total : how many items there are in all
    done : items that were finished before (found in the cache)
    what : is counted
    """

    def __init__(self, label: str, *, total: int, done: int = 0, what: str = "items") -> None:
        self.label = label
        self.what = what
        self.total = total
        self.done = done
        self._cached = done
        self._console = Console(file=sys.stderr)
        self._bar: RichProgress | None = None
        self._start = 0.0
        self._logged = 0.0

    def __enter__(self) -> Self:
        self._start = self._logged = time.monotonic()
        if self._console.is_terminal:
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[item]}"),
                console=self._console,
            )
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=self.total, completed=self.done, item="")
        else:
            found = f", {self._cached} of them cached" if self._cached else ""
            self._line(f"{self.total} {self.what}{found}")
        return self

    def advance(self, item: str = "") -> None:
        """Count one more finished item, named `item`."""
        self.done += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, item=item)
        elif time.monotonic() - self._logged >= LOG_EVERY or self.done == self.total:
            self._logged = time.monotonic()
            self._line(f"{self.done}/{self.total}{self._left()} {item}".rstrip())

    def _left(self) -> str:
        elapsed = time.monotonic() - self._start
        computed = self.done - self._cached
        if self.done >= self.total or computed < 1:
            return f" in {elapsed:.0f} s,"
        return f", {elapsed / computed * (self.total - self.done):.0f} s left,"

    def _line(self, text: str) -> None:
        print(f"{self.label}: {text}", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
