"""What there is of one trial: its clip, its video, and what the models predict for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.clips.manifest import read_manifest
from pipeline.config import Params
from pipeline.corpora.index_table import read_index
from pipeline.evaluation.predictions import TrialPrediction, read_frames
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.layout import CLIPS, MANIFEST, PREDICTIONS
from pipeline.runtime.section import nearest


@dataclass(frozen=True)
class Shown:
    """A trial to show.

    Parameters
    ----------
    name : of the trial
    clip : its clip
    video : its video, None where the corpus is not on this machine
    separate_sound : whether its sound is another file
    models : predictions by model
    unread : models that have no predictions yet
    """

    name: str
    clip: Path
    video: Path | None
    separate_sound: bool
    models: dict[str, TrialPrediction]
    unread: tuple[str, ...]


def find(name: str, params: Params, *, root: Path) -> Shown:
    """Find a trial by its name.

    Raises
    ------
    InputError
        There is no such trial, or no model predicts it.
    """
    clips = {row.trial: row for row in read_manifest(root / MANIFEST)}
    if name not in clips:
        few: Mapping[str, object] = clips if len(clips) <= 40 else dict.fromkeys(list(clips)[:8])
        raise InputError("nothing to show", [Problem(f"there is no trial {name!r}{_nearest(name, clips, few)}")])
    files = {model: root / PREDICTIONS / model / "frames.h5" for model in params.result_names()}
    there = {model: file for model, file in files.items() if file.is_file()}
    read = {model: read_frames(file, trials=[name]) for model, file in there.items()}
    models = {
        model: one.validation.get(name) or one.test[name]
        for model, one in read.items()
        if name in one.validation or name in one.test
    }
    if not models:
        message = "no model predicts it: folds predict the trials that they hold out, the best folds the test trials"
        remedy = "choose another trial" if there else "run `dvc repro evaluate`"
        raise InputError("nothing to show", [Problem(message, trial=name, remedy=remedy)])
    corpus = Path(params.corpus.root)
    row = next((row for row in read_index(root / params.corpus.index) if row.trial == name), None)
    located = row.locate(root / corpus) if row else None
    video = located.video if located is not None and located.video.is_file() else None
    return Shown(
        name=name,
        clip=root / CLIPS / f"{name}.h5",
        video=video,
        separate_sound=located is not None and located.audio is not None,
        models=models,
        unread=tuple(model for model in files if model not in there),
    )


def _nearest(name: str, known: Mapping[str, object], few: Mapping[str, object]) -> str:
    close = nearest(name, known)
    return close if close.startswith("; did") else f"{nearest(name, few)}{', ...' if len(few) < len(known) else ''}"
