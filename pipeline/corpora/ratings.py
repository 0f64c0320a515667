"""Ratings: labels whose rows stand at times of their own, or one per video frame, where a corpus is not Aff-Wild2.

A row at time s is what raters said s seconds after the recording began. They answer late: with a delay d, a frame at
time s takes the rating of s + d. An empty field, ``nan`` or ``?`` is a rating that nobody gave.

Legend: r rows, t frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.target import Target
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import shorten
from pipeline.runtime.tables import MOST_COLUMNS, BadRows, lines_of

TIME = ("time", "frametime")
"""Names of the column with seconds, in lower case."""

UNRATED = frozenset({"", "?", "na", "nan"})
LONGEST_STEP = 2.0
"""Rows further apart than this many usual steps leave a gap: no rating is made up inside."""

DECIMALS = 6
"""Times count to the microsecond, so that 0.1 + 0.2 s is 0.3 s."""

UNUSABLE = "unusable ratings"
REMEDY = "write a number in range, or leave the field empty where nobody rated"


@dataclass(frozen=True)
class Ratings:
    """One target's ratings.

    Parameters
    ----------
    values : (r,) float32, NaN where nobody rated
    time : (r,) float64, s, increasing; None where row i belongs to frame i
    """

    values: NDArray[np.float32]
    time: NDArray[np.float64] | None

    def at_frames(self, time: NDArray[np.float64], *, delay: float = 0.0) -> NDArray[np.float32]:
        """Return the rating of each frame by linear interpolation between the rows on either side.

        Parameters
        ----------
        time : (t,) s, when the frames are shown
        delay : how late raters answer, s

        Returns
        -------
        (t,) float32, NaN before the first row and after the last one, where a neighbouring row is not rated, and
        inside gaps; the last `delay` seconds of a recording therefore have none.
        """
        result = np.full(len(time), np.nan, dtype=np.float32)
        if self.time is None and delay == 0:
            used = min(len(time), len(self.values))
            result[:used] = self.values[:used]
            return result
        within = self.covers(time, delay=delay)
        rows, wanted = self._rows(time), np.round(time + delay, DECIMALS)[within]
        after = np.searchsorted(rows, wanted)
        before = np.maximum(after - 1, 0)
        values = self.values.astype(np.float64)
        step = rows[after] - rows[before]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (wanted - rows[before]) / step
        between = values[before] + share * (values[after] - values[before])
        usual = float(np.median(np.diff(rows))) if len(rows) > 1 else 0.0
        between[step > LONGEST_STEP * usual] = np.nan
        # On a row its own value counts, whatever its neighbours are.
        result[within] = np.where(rows[after] == wanted, values[after], between)
        return result

    def covers(self, time: NDArray[np.float64], *, delay: float = 0.0) -> NDArray[np.bool_]:
        """Say which frames, (t,), lie between the first and the last row."""
        if self.time is None and delay == 0:
            return np.arange(len(time)) < len(self.values)
        rows, wanted = self._rows(time), np.round(time + delay, DECIMALS)
        covered: NDArray[np.bool_] = (wanted >= rows[0]) & (wanted <= rows[-1])
        return covered

    def outside(self, end: float, *, delay: float = 0.0) -> int:
        """Count the rows at times before 0 or after `end`, s; raters answer `delay` s after what they see there."""
        if self.time is None:
            return 0
        return int(((self.time < 0) | (self.time > np.round(end + delay, DECIMALS) + 10**-DECIMALS)).sum())

    def _rows(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = (time if self.time is None else self.time)[: len(self.values)]
        return np.round(rows, DECIMALS)


def parse_ratings(data: bytes, targets: Sequence[Target], *, file: str) -> tuple[Ratings, ...]:
    """Parse a CSV file with one column per target, and perhaps one with the time; commas, semicolons or tabs part them.

    Returns
    -------
    One entry per target; without a column ``time`` (s) row i belongs to frame i.

    Raises
    ------
    InputError
        Lists every bad line by its number in the file: the header, what is no number, out of range, or not later than
        the row before.
    """
    lines = lines_of(data, file=file, what=UNUSABLE)
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    names = [name.strip().lower() for name in lines[0].split(delimiter)] if lines else []
    known = {*TIME, *(target.name.lower() for target in targets)}
    faults = [f"no column {target.name}" for target in targets if target.name.lower() not in names]
    faults += [f"unknown column {shorten(name)}" for name in names[:MOST_COLUMNS] if name not in known]
    faults += ["a column twice"] if len(set(names)) < len(names) or len(set(TIME) & set(names)) > 1 else []
    if faults:
        header = ",".join(["time", *(target.name for target in targets)])
        remedy = f"begin the file with {header}, or without time for one row per frame"
        raise InputError(UNUSABLE, [Problem("; ".join(faults), file=file, row=1, remedy=remedy)])
    return parse_rows(lines[1:], names, targets, file=file, first=2, delimiter=delimiter)


def parse_rows(
    lines: Sequence[str], names: Sequence[str], targets: Sequence[Target], *, file: str, first: int, delimiter: str
) -> tuple[Ratings, ...]:
    """Parse the rows below a header; see `parse_ratings`.

    Parameters
    ----------
    names : the columns in lower case; each target's is its name
    first : the number of the first line in the file
    """
    clock = next((names.index(name) for name in TIME if name in names), None)
    columns = [names.index(target.name.lower()) for target in targets]
    values = np.full((len(lines), len(targets)), np.nan, dtype=np.float32)
    time = np.zeros(len(lines))
    bad = BadRows(file, REMEDY)
    latest = -np.inf
    for row, line in enumerate(lines):
        fields = line.split(delimiter)
        try:
            if len(fields) != len(names):
                raise ValueError(f"{len(fields)} values where the header names {len(names)}: {shorten(line)}")
            values[row] = [_rating(fields[column], target) for column, target in zip(columns, targets, strict=True)]
            if clock is not None:
                time[row] = latest = _later(fields[clock], latest)
        except ValueError as error:
            bad.add(first + row, str(error))
            if bad.enough:
                break
    if not lines:
        bad.add(first, "there are no rows")
    if bad:
        raise InputError(UNUSABLE, bad.problems())
    return tuple(Ratings(column.copy(), None if clock is None else time) for column in values.T)


def _rating(field: str, target: Target) -> float:
    text = field.strip()
    if text.lower() in UNRATED:
        return float("nan")
    number = _number(text, target.name)
    if not target.low <= number <= target.high:
        raise ValueError(f"{target.name} {number:g} is outside [{target.low:g}, {target.high:g}]")
    return number


def _later(field: str, latest: float) -> float:
    number = _number(field.strip(), "time")
    if not np.isfinite(number):
        raise ValueError(f"time is {number}")
    if number <= latest:
        raise ValueError(f"time {number:g} s is not later than {latest:g} s of the row before")
    return number


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} {shorten(text)} is not a number") from None
