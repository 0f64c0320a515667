"""The files of a saved frame table: plain arrays, filled trial by trial and mapped by the processes that train.

Whoever fills a table holds one trial at a time. Arrays are written, not mapped: a full disk is then an error that can
be told, where a mapped page would end the process.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.lib.format as npy
import numpy.typing as npt

from pipeline.models.standardise import Moments

Array = npt.NDArray[Any]

RECORD = "trials.json"


@dataclass(frozen=True)
class TrialFrames:
    """The frames of one trial.

    Parameters
    ----------
    streams : for each role (t, d_m), or (v, t, d_m) where it has several views
    labels : (t, k), NaN where a target is not annotated
    """

    streams: Mapping[str, Array]
    labels: Array


class TableWriter:
    """Writes a table into an empty folder, one trial after the other.

    Parameters
    ----------
    directory : that `read_table` reads
    trials : number of frames of each trial, in the order in which they will be added
    views : names of the views of each role that has several
    """

    def __init__(self, directory: Path, trials: Mapping[str, int], *, views: Mapping[str, Sequence[str]]) -> None:
        self.directory, self.trials, self.views = directory, dict(trials), views
        self._streams: dict[str, _ArrayFile] = {}
        self._sums: dict[str, list[Array]] = {}
        self._labels: list[Array] = []
        self._counts: list[tuple[int, int]] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, frames: TrialFrames) -> None:
        """Append the next trial.

        Raises
        ------
        ValueError
            It has not as many frames as announced, or a stream has another width or type than the trials before.
        """
        trial, length = list(self.trials.items())[len(self._labels)]
        if len(frames.labels) != length:
            raise ValueError(f"trial {trial} has {len(frames.labels)} frames, not {length}")
        labels = frames.labels.astype(np.float32)
        known = ~np.isnan(labels).all(axis=1)
        for role, array in frames.streams.items():
            planes = array if array.ndim == 3 else array[None]
            if role not in self._streams:
                self._streams[role] = self._create(role, array)
            self._streams[role].append(planes, what=f"trial {trial}: {role}")
            groups = [[_moments(plane[rows]) for rows in (known, ~known)] for plane in planes]
            self._sums.setdefault(role, []).append(np.array(groups))
        self._labels.append(labels)
        self._counts.append((int(known.sum()), int((~known).sum())))

    def finish(self, missing: Mapping[str, Array]) -> None:
        """Write what is small, and the record that makes the table whole."""
        np.save(self.directory / "labels.npy", np.concatenate(self._labels))
        np.save(self.directory / "counts.npy", np.array(self._counts, dtype=np.int64))
        for role, sums in self._sums.items():
            np.save(self.directory / f"sums_{role}.npy", np.stack(sums))
        for role, array in missing.items():
            np.save(self.directory / f"missing_{role}.npy", array)
        self._open.close()
        record = {"trials": self.trials, "roles": list(self._streams), "views": dict(self.views)}
        record["missing"] = list(missing)
        (self.directory / RECORD).write_text(json.dumps(record), encoding="utf-8")

    def _create(self, role: str, array: Array) -> "_ArrayFile":
        shape = (*array.shape[:-2], sum(self.trials.values()), array.shape[-1])
        file = self._open.enter_context((self.directory / f"stream_{role}.npy").open("wb"))
        return _ArrayFile(file, shape, array.dtype)


class _ArrayFile:
    """A .npy file (n, d) or (v, n, d) to which rows of all views are appended."""

    def __init__(self, file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        descr = npy.dtype_to_descr(dtype)
        npy.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
        self._file, self._shape, self._dtype = file, shape, dtype
        self._start, self._row = file.tell(), 0

    def append(self, planes: Array, *, what: str) -> None:
        views = self._shape[0] if len(self._shape) == 3 else 1
        rows, width = self._shape[-2:]
        if planes.dtype != self._dtype or (len(planes), planes.shape[2]) != (views, width):
            expected = f"{self._dtype} of {views} views of width {width}"
            raise ValueError(f"{what} is {planes.dtype} of shape {planes.shape}, where the first trial has {expected}")
        for number, plane in enumerate(planes):
            self._file.seek(self._start + (number * rows + self._row) * width * self._dtype.itemsize)
            self._file.write(np.ascontiguousarray(plane).data)
        self._row += planes.shape[1]


def _moments(x: Array) -> Array:
    moments = Moments.of(x)
    return np.stack([moments.mean, moments.squares])


def read_table(directory: Path) -> dict[str, Any]:
    """Map a saved table: the fields of a `pipeline.training.frames.FrameTable`."""
    record = json.loads((directory / RECORD).read_text(encoding="utf-8"))

    def mapped(name: str) -> Array:
        return np.asanyarray(np.load(directory / f"{name}.npy", mmap_mode="c"))

    return {
        "trials": record["trials"],
        "streams": {role: mapped(f"stream_{role}") for role in record["roles"]},
        "labels": mapped("labels"),
        "views": {role: tuple(names) for role, names in record["views"].items()},
        "missing": {role: np.load(directory / f"missing_{role}.npy") for role in record["missing"]},
        "counts": np.load(directory / "counts.npy"),
        "sums": {role: mapped(f"sums_{role}") for role in record["roles"]},
    }
