"""All frames a model learns from: one contiguous array per stream, one for the labels.

Windows are gathered from it by index, so no training step opens a file. Folds that are trained side by side map the
same files, hence the memory is needed once, however many workers there are.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.models.standardise import Moments
from pipeline.runtime.errors import InputError, Problem
from pipeline.training.table_files import TableWriter, TrialFrames, read_table

Array = npt.NDArray[Any]


class FrameSource(Protocol):
    """Where the frames of a model come from: known by digests, and read only where a fold is to be trained."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The streams' roles, in the order of the model's streams."""
        ...

    @property
    def missing(self) -> Mapping[str, Array]:
        """See `FrameTable.missing`."""
        ...

    def digest(self, trial: str) -> str:
        """Return what identifies a trial's features and labels."""
        ...

    def only(self, role: str) -> "FrameSource":
        """Return one stream alone, under the role that it has on its own."""
        ...

    def save(self, directory: Path) -> None:
        """Write the table that `FrameTable.open` maps."""
        ...


@dataclass(frozen=True)
class FrameTable:
    """Features and labels of all trials, one after the other; a `FrameSource` by itself.

    Parameters
    ----------
    trials : number of frames of each trial, in the order of the rows
    streams : for each role (n, d_m), float16 or float32; (v, n, d_m) where it has several views
    labels : (n, k) float32, NaN where a target is not annotated
    views : names of the views of each role that has several, the centre first
    missing : (d_m,), the embedding that frames without a face share, for the roles of faces that have such frames
    counts : (trials, 2), how many frames of a trial have labels, and how many have none; of a saved table
    sums : for each role (trials, v, 2, 2, d_m), mean and squared deviations of these frames; of a saved table
    """

    trials: dict[str, int]
    streams: dict[str, Array]
    labels: npt.NDArray[np.float32]
    views: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missing: dict[str, Array] = field(default_factory=dict)
    counts: Array = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    sums: dict[str, Array] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[str, ...]:
        """The streams' roles, in order."""
        return tuple(self.streams)

    def rows(self, trial: str) -> npt.NDArray[np.int64]:
        """Return the rows of a trial's frames."""
        start = self._starts[trial]
        return np.arange(start, start + self.trials[trial])

    def digest(self, trial: str) -> str:
        """Return the SHA-256 of a trial's features and labels, and of the names of views."""
        frames = self._frames(trial)
        digest = hashlib.sha256()
        for part in (*frames.streams.values(), frames.labels):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        for role, names in self.views.items():
            digest.update(f"{role} {' '.join(names)}".encode())
        return digest.hexdigest()

    @property
    def _starts(self) -> dict[str, int]:
        lengths = list(self.trials.values())
        return dict(zip(self.trials, np.cumsum([0, *lengths[:-1]]).tolist(), strict=True))

    def _frames(self, trial: str) -> TrialFrames:
        rows = slice(self._starts[trial], self._starts[trial] + self.trials[trial])
        return TrialFrames({role: array[..., rows, :] for role, array in self.streams.items()}, self.labels[rows])

    def only(self, role: str) -> "FrameTable":
        """Return the table of one stream, under the role that it has on its own."""
        alone = role.partition("_")[0]
        views = {alone: self.views[role]} if role in self.views else {}
        missing = {alone: self.missing[role]} if role in self.missing else {}
        return FrameTable(self.trials, {alone: self.streams[role]}, self.labels, views, missing)

    def moments(self, role: str, trials: Sequence[str], *, gaps: Literal["mask", "compact"]) -> Iterator[Moments]:
        """Yield the moments of the frames of some trials that a model looks at, trial by trial and view by view.

        They were computed when the table was saved, once for all folds.

        Parameters
        ----------
        role : of the stream
        trials : in whose order
        gaps : see `pipeline.models.windows.kept_frames`
        """
        place = {trial: number for number, trial in enumerate(self.trials)}
        groups = (0, 1) if gaps == "mask" else (0,)
        for number in (place[trial] for trial in trials):
            for of_view in self.sums[role][number]:
                for group in groups:
                    yield Moments(int(self.counts[number, group]), *np.array(of_view[group]))

    def save(self, directory: Path) -> None:
        """Write the table as plain arrays that other processes can map."""
        with TableWriter(directory, self.trials, views=self.views) as writer:
            for trial in self.trials:
                writer.add(self._frames(trial))
            writer.finish(self.missing)

    @classmethod
    def open(cls, directory: Path) -> "FrameTable":
        """Map a saved table; pages are shared between processes and never written back."""
        return cls(**read_table(directory))


def join_frames(
    features: Mapping[str, Mapping[str, Array]],
    labels: Mapping[str, Array],
    *,
    trials: Sequence[str],
    views: Mapping[str, Sequence[str]] | None = None,
    missing: Mapping[str, Array] | None = None,
) -> FrameTable:
    """Join the streams' features and the labels of `trials` into one table in memory.

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
    problems: list[Problem] = []
    for trial in trials:
        frames = TrialFrames({role: stream[trial] for role, stream in features.items()}, labels[trial])
        problems += faults(trial, frames, views=several)
    if problems:
        raise InputError(UNFIT, problems)
    streams = {role: np.concatenate([stream[trial] for trial in trials], axis=-2) for role, stream in features.items()}
    joined = np.concatenate([labels[trial] for trial in trials]).astype(np.float32)
    lengths_of = {trial: len(labels[trial]) for trial in trials}
    return FrameTable(lengths_of, streams, joined, several, dict(missing or {}))


UNFIT = "features and clips do not belong together"


def faults(trial: str, frames: TrialFrames, *, views: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Yield what is wrong with a trial's frames: streams and labels of different lengths, or views that are not there.

    Parameters
    ----------
    views : names of the views of each role that has several
    """
    remedy = "run `dvc repro` for its features"
    lengths = {"labels": len(frames.labels)}
    lengths |= {role: array.shape[-2] for role, array in frames.streams.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
        yield Problem(f"frames differ: {counts}", trial=trial, remedy=remedy)
    for role, array in frames.streams.items():
        names = views.get(role)
        if array.shape[:-2] != ((len(names),) if names else ()):
            message = f"features of {role} are {array.shape}, but its views are {', '.join(names or ['centre'])}"
            yield Problem(message, trial=trial, remedy=remedy)
