"""The frames of a model where the stages left them: features in stores, labels in clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy.typing as npt

from pipeline.clips.clip import check_clip, read_clip
from pipeline.clips.manifest import read_manifest
from pipeline.features.store import FeatureStore
from pipeline.features.views import views_of
from pipeline.models.inputs import missing_face, open_streams
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.layout import CLIPS, MANIFEST
from pipeline.runtime.progress import Progress
from pipeline.training.frames import UNFIT, faults
from pipeline.training.table_files import TableWriter, TrialFrames

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class StoredFrames:
    """A `pipeline.training.frames.FrameSource` whose digests are those of the stores and the manifest.

    What is read is compared with them.

    Parameters
    ----------
    stores : by role, in the order of the model's streams
    frames : number of frames of each trial, in the order of the table
    labels : SHA-256 of each trial's labels
    clips : folder of the clips
    """

    stores: Mapping[str, FeatureStore]
    frames: Mapping[str, int]
    labels: Mapping[str, str]
    clips: Path

    @classmethod
    def of(cls, streams: Sequence[str], trials: Sequence[str]) -> "StoredFrames":
        """Find the frames of `trials` in the stores of `streams` and in the clips.

        Raises
        ------
        InputError
            A store is missing, or its trials are not those of the manifest.
        """
        rows = {row.trial: row for row in read_manifest(MANIFEST)}
        unknown = [Problem("not in the manifest", trial=trial, file=str(MANIFEST)) for trial in set(trials) - set(rows)]
        if unknown:
            raise InputError("the folds do not fit the clips", unknown)
        return cls(
            open_streams(streams),
            frames={trial: rows[trial].frames for trial in trials},
            labels={trial: rows[trial].labels for trial in trials},
            clips=CLIPS,
        )

    @property
    def roles(self) -> tuple[str, ...]:
        """The streams' roles, in the order of the model's streams."""
        return tuple(self.stores)

    @cached_property
    def missing(self) -> dict[str, Array]:
        """The embedding (d_m,) that frames without a face share, of each stream of faces that has such frames."""
        found: dict[str, Array] = {}
        for role, store in self.stores.items():
            if role.startswith("visual"):
                without = (trial for trial in self.frames if not store.read_valid(trial).all())
                embedding = missing_face(store.read(trial) for trial in without)
                if embedding is not None:
                    found[role] = embedding
        return found

    def digest(self, trial: str) -> str:
        """Return what identifies a trial's features and labels, without reading them."""
        parts = [self.labels[trial], *(store.digest(trial) for store in self.stores.values())]
        return sha256(" ".join(parts).encode()).hexdigest()

    def only(self, role: str) -> "StoredFrames":
        """Return one stream alone, under the role that it has on its own."""
        return replace(self, stores={role.partition("_")[0]: self.stores[role]})

    def save(self, directory: Path) -> None:
        """Read trial by trial and write the table that `pipeline.training.frames.FrameTable.open` maps.

        Raises
        ------
        InputError
            A file is damaged or not what its digest says, or features and labels do not belong together: every such
            trial is listed.
        """
        views = {role: names for role, store in self.stores.items() if len(names := views_of(store)) > 1}
        problems: list[Problem] = []
        label = f"read {' and '.join(store.path.stem for store in self.stores.values())}"
        with (
            TableWriter(directory, self.frames, views=views) as writer,
            Progress(label, total=len(self.frames), what="trials") as progress,
        ):
            for trial in self.frames:
                try:
                    frames = self._read(trial)
                except InputError as error:
                    problems += error.problems
                else:
                    problems += faults(trial, frames, views=views)
                    if not problems:
                        writer.add(frames)
                progress.advance(trial)
            if problems:
                raise InputError(UNFIT, problems)
            writer.finish(self.missing)

    def _read(self, trial: str) -> TrialFrames:
        path = self.clips / f"{trial}.h5"
        clip = read_clip(path, faces=False, audio=False)
        found = clip.labels_digest() if len(clip) == self.frames[trial] else f"{len(clip)} frames"
        check_clip(path, claimed=self.labels[trial], found=found)
        streams = {role: store.read(trial).embedding for role, store in self.stores.items()}
        return TrialFrames(streams, clip.labels)
