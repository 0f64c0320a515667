"""The windows that fine-tuning learns from, read from the clips one at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.clips.clip import read_clip
from pipeline.clips.excerpt import OpenClip
from pipeline.clips.target import Target
from pipeline.finetuning.tunable import Excerpt, Tunable
from pipeline.models.windows import cut_windows, kept_frames
from pipeline.runtime.errors import InputError, Problem
from pipeline.training.config import TrainingConfig


@dataclass(frozen=True)
class WindowInput:
    """One window as the network learns from it.

    Parameters
    ----------
    excerpts : what each role's backbone reads of it
    mask : (t,) bool, False at padding
    labels : (t, k) float32, NaN where un-annotated
    """

    excerpts: Mapping[str, Excerpt]
    mask: Tensor
    labels: Tensor


@dataclass(frozen=True)
class WindowFrames:
    """The frames of a window: a trial, their numbers (t,), and which of them are more than padding (t,)."""

    trial: str
    frames: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ClipWindows:
    """All windows of some trials. Only labels are held; faces and sound stay in the clips until a window is read.

    Parameters
    ----------
    clips : folder of the clips
    labels : (T, k) of each trial
    windows : frames of each
    """

    clips: Path
    labels: Mapping[str, npt.NDArray[np.float32]]
    windows: tuple[WindowFrames, ...]

    @classmethod
    def cut(cls, clips: Path, trials: Sequence[str], *, training: TrainingConfig) -> "ClipWindows":
        """Cut the windows of `trials` as the model's training did.

        Raises
        ------
        InputError
            A target is annotated in no trial.
        """
        targets: tuple[Target, ...] = ()
        labels, found = {}, []
        for trial in trials:
            clip = read_clip(clips / f"{trial}.h5", faces=False, audio=False)
            targets, labels[trial] = clip.targets, clip.labels
            kept = np.flatnonzero(kept_frames(clip.labels, gaps=training.gaps))
            cut = cut_windows([kept], window=training.window, hop=training.hop)
            found += [WindowFrames(trial, *window) for window in zip(cut.index, cut.mask, strict=True)]
        problems = [
            Problem(f"{target.name} is annotated in none of {len(labels)} training trials", file=str(clips))
            for column, target in enumerate(targets)
            if all(np.isnan(values[:, column]).all() for values in labels.values())
        ]
        if problems:
            raise InputError("nothing to learn from", problems)
        return cls(clips, labels, tuple(found))

    def __len__(self) -> int:
        return len(self.windows)

    def usable(self, number: int) -> npt.NDArray[np.bool_]:
        """Return for each target, (k,), whether a window has the two annotated frames that a CCC needs."""
        window = self.windows[number]
        annotated = ~np.isnan(self.labels[window.trial][window.frames[window.mask]])
        return np.asarray(annotated.sum(axis=0) >= 2)

    def read(self, number: int, tunables: Mapping[str, Tunable]) -> WindowInput:
        """Read a window's faces and sound."""
        window = self.windows[number]
        with OpenClip(self.clips / f"{window.trial}.h5") as clip:
            excerpts = {role: tunable.read(clip, window.frames) for role, tunable in tunables.items()}
        labels = self.labels[window.trial][window.frames]
        return WindowInput(excerpts, torch.from_numpy(window.mask), torch.from_numpy(labels))
