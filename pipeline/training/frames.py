"""All frames a model learns from, read once: one contiguous array per stream, one for the labels.

Windows are gathered from it by index, so no training step opens a file. Folds that are trained side by side map the
same files, hence the memory is needed once, however many workers there are.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.runtime.errors import InputError, Problem

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FrameTable:
    """Features and labels of all trials, one after the other.

    Parameters
    ----------
    trials : number of frames of each trial, in the order of the rows
    streams : for each role (n, d_m), float16 or float32; (v, n, d_m) where it has several views
    labels : (n, k) float32, NaN where a target is not annotated
    views : names of the views of each role that has several, the centre first
    missing : (d_m,), the embedding that frames without a face share, for the roles of faces that have such frames
    """

    trials: dict[str, int]
    streams: dict[str, Array]
    labels: npt.NDArray[np.float32]
    views: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missing: dict[str, Array] = field(default_factory=dict)

    def rows(self, trial: str) -> npt.NDArray[np.int64]:
        """Return the rows of a trial's frames."""
        start = self._starts[trial]
        return np.arange(start, start + self.trials[trial])

    def digest(self, trial: str) -> str:
        """Return the SHA-256 of a trial's features and labels, and of the names of views."""
        rows = slice(self._starts[trial], self._starts[trial] + self.trials[trial])
        digest = hashlib.sha256()
        for array in (*self.streams.values(), self.labels):
            part = array[..., rows, :]
            digest.update(f"{array.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        for role, names in self.views.items():
            digest.update(f"{role} {' '.join(names)}".encode())
        return digest.hexdigest()

    @property
    def _starts(self) -> dict[str, int]:
        lengths = list(self.trials.values())
        return dict(zip(self.trials, np.cumsum([0, *lengths[:-1]]).tolist(), strict=True))

    def only(self, role: str) -> "FrameTable":
        """Return the table of one stream, under the role that it has on its own."""
        alone = role.partition("_")[0]
        views = {alone: self.views[role]} if role in self.views else {}
        missing = {alone: self.missing[role]} if role in self.missing else {}
        return FrameTable(self.trials, {alone: self.streams[role]}, self.labels, views, missing)

    def planes(self, role: str) -> Array:
        """Return a stream as (v, n, d_m), however many views it has."""
        array = self.streams[role]
        return array if array.ndim == 3 else array[None]

    def save(self, directory: Path) -> None:
        """Write the table as plain arrays that other processes can map."""
        np.save(directory / "labels.npy", self.labels)
        for role, array in self.streams.items():
            np.save(directory / f"stream_{role}.npy", array)
        for role, array in self.missing.items():
            np.save(directory / f"missing_{role}.npy", array)
        record = {"trials": self.trials, "roles": list(self.streams), "views": self.views}
        record["missing"] = list(self.missing)
        (directory / "trials.json").write_text(json.dumps(record), encoding="utf-8")

    @classmethod
    def open(cls, directory: Path) -> "FrameTable":
        """Map a saved table; pages are shared between processes and never written back."""
        record = json.loads((directory / "trials.json").read_text(encoding="utf-8"))
        streams = {role: np.load(directory / f"stream_{role}.npy", mmap_mode="c") for role in record["roles"]}
        views = {role: tuple(names) for role, names in record["views"].items()}
        missing = {role: np.load(directory / f"missing_{role}.npy") for role in record["missing"]}
        return cls(record["trials"], streams, np.load(directory / "labels.npy", mmap_mode="c"), views, missing)


def join_frames(
    features: Mapping[str, Mapping[str, Array]],
    labels: Mapping[str, Array],
    *,
    trials: Sequence[str],
    views: Mapping[str, Sequence[str]] | None = None,
    missing: Mapping[str, Array] | None = None,
) -> FrameTable:
    """Join the streams' features and the labels of `trials` into one table.

    Parameters
    ----------
    features : for each role, each trial's embeddings (t, d_m), or (v, t, d_m)
    labels : each trial's labels (t, k)
    trials : which trials, in the order of the table
    views : names of each role's views; the centre alone unless given
    missing : see `FrameTable`

    Raises
    ------
    InputError
        Lists every trial whose streams and labels differ in length, or that lacks views.
    """
    several = {role: tuple(names) for role, names in (views or {}).items() if len(names) > 1}
    problems = []
    for trial in trials:
        lengths = {"labels": len(labels[trial])}
        lengths |= {role: stream[trial].shape[-2] for role, stream in features.items()}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
            problems.append(Problem(f"frames differ: {counts}", trial=trial, remedy="run `dvc repro` for its features"))
        for role, stream in features.items():
            names, shape = several.get(role), stream[trial].shape
            if shape[:-2] != ((len(names),) if names else ()):
                message = f"features of {role} are {shape}, but its views are {', '.join(names or ['centre'])}"
                problems.append(Problem(message, trial=trial, remedy="run `dvc repro` for its features"))
    if problems:
        raise InputError("features and clips do not belong together", problems)
    streams = {role: np.concatenate([stream[trial] for trial in trials], axis=-2) for role, stream in features.items()}
    joined = np.concatenate([labels[trial] for trial in trials]).astype(np.float32)
    lengths_of = {trial: len(labels[trial]) for trial in trials}
    return FrameTable(lengths_of, streams, joined, several, dict(missing or {}))
