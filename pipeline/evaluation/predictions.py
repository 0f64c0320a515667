"""Per-frame predictions on disk: one HDF5 file per model, a text file per test trial, a table of per-trial agreement.

No file holds a date or a path, so equal predictions give equal bytes; all are opened read-only downstream.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.metrics import Scores
from pipeline.runtime.hdf5 import create_hdf5, open_hdf5
from pipeline.runtime.reading import reading

SCHEMA_VERSION = 2
NUMBER = "%.6f"
"""Format of every prediction written as text."""

Part = Literal["validation", "test"]


@dataclass(frozen=True)
class TrialPrediction:
    """One trial's predictions and what the model attended to.

    Parameters
    ----------
    trial : name
    time : (t,) seconds
    predictions : (t, k)
    labels : (t, k), NaN where un-annotated; None for a test trial
    fold : the fold whose held-out trials this one belongs to; None for a test trial
    attention : arrays of shape (t, ...) by name, such as a gate per iteration and modality
    by_fold : what each of the folds behind a test prediction said, (t, k) before clipping, the best fold first
    further : of a validation trial whose fold was trained with several seeds, the predictions of the repeats after the
        first, each (t, k); `predictions` and `attention` are the first's
    """

    trial: str
    time: npt.NDArray[np.float64]
    predictions: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32] | None = None
    fold: int | None = None
    attention: Mapping[str, npt.NDArray[np.floating]] = field(default_factory=dict)
    by_fold: Mapping[int, npt.NDArray[np.float32]] = field(default_factory=dict)
    further: tuple[npt.NDArray[np.float32], ...] = ()

    @property
    def repeats(self) -> tuple[npt.NDArray[np.float32], ...]:
        """The predictions of every repeat, each (t, k)."""
        return (self.predictions, *self.further)

    def __post_init__(self) -> None:
        frames = len(self.time)
        arrays = {"predictions": self.predictions, "labels": self.labels, **self.attention}
        arrays |= {f"fold {fold}": said for fold, said in self.by_fold.items()}
        arrays |= {f"repeat {number}": said for number, said in enumerate(self.further, start=1)}
        for name, array in arrays.items():
            if array is not None and len(array) != frames:
                raise ValueError(f"trial {self.trial}: {name} has {len(array)} rows for {frames} frames")
        if self.labels is not None and self.labels.shape != self.predictions.shape:
            raise ValueError(f"trial {self.trial}: labels {self.labels.shape}, predictions {self.predictions.shape}")


@dataclass(frozen=True)
class FramePredictionsFile:
    """What `read_frames` read: the targets' names in column order, and the trials of each part by name."""

    targets: tuple[str, ...]
    validation: dict[str, TrialPrediction]
    test: dict[str, TrialPrediction]


def write_frames(
    path: Path,
    *,
    targets: Sequence[str],
    validation: Iterable[TrialPrediction],
    test: Iterable[TrialPrediction],
    written: Callable[[str], object] = lambda _: None,
) -> None:
    """Write ``frames.h5``: groups ``validation/<trial>`` and ``test/<trial>``.

    Parameters
    ----------
    path : file to write; replaced if it is there
    targets : names of the k columns
    validation, test : trials in any order
    written : called with the name of each trial that was written

    Raises
    ------
    ValueError
        If a trial is given twice.
    """
    parts: dict[Part, Iterable[TrialPrediction]] = {"validation": validation, "test": test}
    with create_hdf5(path) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["targets"] = list(targets)
        for part, trials in parts.items():
            group = file.create_group(part)
            for one in sorted(trials, key=lambda trial: trial.trial):
                if one.trial in group:
                    raise ValueError(f"trial {one.trial} is given twice in {part}")
                _write_trial(group.create_group(one.trial), one)
                written(one.trial)


def _write_trial(group: Any, one: TrialPrediction) -> None:
    if one.fold is not None:
        group.attrs["fold"] = one.fold
    _dataset(group, "time", one.time.astype(np.float64))
    _dataset(group, "predictions", one.predictions.astype(np.float32))
    if one.labels is not None:
        _dataset(group, "labels", one.labels.astype(np.float32))
    for name in sorted(one.attention):
        _dataset(group.require_group("attention"), name, one.attention[name].astype(np.float32))
    if one.by_fold:
        _dataset(group, "by_fold", np.stack(list(one.by_fold.values())).astype(np.float32))
        group["by_fold"].attrs["folds"] = list(one.by_fold)
    if one.further:
        _dataset(group, "further_repeats", np.stack(one.further).astype(np.float32))


def _dataset(group: Any, name: str, values: npt.NDArray[np.floating]) -> None:
    group.create_dataset(name, data=values, compression="gzip", shuffle=True, fletcher32=True, track_times=False)


def read_frames(path: Path, *, attention: bool = True, trials: Iterable[str] | None = None) -> FramePredictionsFile:
    """Read ``frames.h5``, opened read-only.

    Parameters
    ----------
    path : file that `write_frames` wrote
    attention : whether to read the attention arrays, most of the file
    trials : which trials to read; all if left out

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another schema version.
    """
    remedy = "run `dvc repro evaluate`"
    wanted = None if trials is None else set(trials)
    with reading(path, what="predictions cannot be read", remedy=remedy), open_hdf5(path) as file:
        version = int(file.attrs["schema_version"])
        if version != SCHEMA_VERSION:
            raise ValueError(f"schema version {version}, expected {SCHEMA_VERSION}")
        read: dict[str, dict[str, TrialPrediction]] = {
            part: {
                trial: _read_trial(group, trial, attention=attention)
                for trial, group in file[part].items()
                if wanted is None or trial in wanted
            }
            for part in ("validation", "test")
        }
        return FramePredictionsFile(targets=tuple(str(name) for name in file.attrs["targets"]), **read)


def _read_trial(group: Any, trial: str, *, attention: bool) -> TrialPrediction:
    maps = group["attention"] if attention and "attention" in group else {}
    return TrialPrediction(
        trial=trial,
        time=group["time"][:],
        predictions=group["predictions"][:],
        labels=group["labels"][:] if "labels" in group else None,
        fold=int(group.attrs["fold"]) if "fold" in group.attrs else None,
        attention={name: maps[name][:] for name in maps},
        by_fold=_read_by_fold(group["by_fold"]) if "by_fold" in group else {},
        further=tuple(group["further_repeats"][:]) if "further_repeats" in group else (),
    )


def _read_by_fold(dataset: Any) -> dict[int, npt.NDArray[np.float32]]:
    return {int(fold): said for fold, said in zip(dataset.attrs["folds"], dataset[:], strict=True)}


def write_trial_text(
    path: Path,
    predictions: npt.NDArray[np.floating],
    *,
    targets: Sequence[str],
    time: npt.NDArray[np.float64] | None = None,
) -> None:
    """Write one test trial: a header with the targets' names, then one row per frame.

    Parameters
    ----------
    path : file to write
    predictions : (t, k)
    targets : names of the k columns
    time : (t,) seconds, written as a first column ``time``; none if left out
    """
    columns, names = (
        (predictions, targets) if time is None else (np.column_stack([time, predictions]), ["time", *targets])
    )
    with path.open("w", encoding="ascii", newline="\n") as file:
        np.savetxt(file, columns, fmt=NUMBER, delimiter=",", header=",".join(names), comments="")


@dataclass(frozen=True)
class TrialScores:
    """Agreement on one target of one validation trial.

    Parameters
    ----------
    trial, fold, target : what was scored
    scores : mean over the fold's repeats; None where the trial has no annotated frame
    """

    trial: str
    fold: int
    target: str
    scores: Scores | None


def write_trials(path: Path, rows: Iterable[TrialScores]) -> None:
    """Write ``trials.csv``: trial, fold, target, ccc, pcc, rmse, frames; no numbers where no frame is annotated."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["trial", "fold", "target", "ccc", "pcc", "rmse", "frames"])
        for row in rows:
            one = row.scores
            numbers = [""] * 3 if one is None else [NUMBER % value for value in (one.ccc, one.pcc, one.rmse)]
            writer.writerow([row.trial, row.fold, row.target, *numbers, one.frames if one else 0])
