"""From videos to tables, plots and overlays: `affectflow predict`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.clips.target import targets_of
from pipeline.evaluation.evaluate import Combined
from pipeline.inference.files import Predicted, Video, safe_name, work_beside
from pipeline.inference.overlay import write_overlay
from pipeline.inference.plot import write_plot
from pipeline.inference.predictor import Predictor
from pipeline.inference.recording import Face, Person, Recording, read_recording
from pipeline.inference.source import identity
from pipeline.inference.table import write_table
from pipeline.media.config import FacesConfig
from pipeline.media.detectors import resolve
from pipeline.runtime.errors import AffectflowError, InputError, Problem
from pipeline.runtime.executor import one_thread
from pipeline.runtime.folders import work_folder


@dataclass(frozen=True)
class Wishes:
    """What is written of each video.

    Parameters
    ----------
    out : folder
    face : whose predictions
    overlay : whether the video is written again with the predictions in it
    force : whether files are written over that were not written here
    """

    out: Path
    face: Face = "largest"
    overlay: bool = False
    force: bool = False


def predict_videos(
    predictor: Predictor, videos: Sequence[Video], wishes: Wishes
) -> Iterator[tuple[Video, list[dict[str, Any]], tuple[Problem, ...]]]:
    """Predict one video after the other; yield what was written of each, or what kept it from being predicted.

    Raises
    ------
    AffectflowError
        Something is wrong that holds for every video.
    """
    faces = resolve(FacesConfig.model_validate(predictor.recipe.clips.faces or {}))
    predicted = Predicted(wishes.out)
    for video in videos:
        try:
            entries = _predict(predictor, video, wishes, faces, predicted)
        except InputError as error:
            yield video, [], tuple(replace(one, file=one.file or str(video.path)) for one in error.problems)
        except AffectflowError as error:
            yield video, [], (Problem(str(error), file=str(video.path)),)
        else:
            yield video, entries, ()


def _predict(
    predictor: Predictor, video: Video, wishes: Wishes, faces: FacesConfig, predicted: Predicted
) -> list[dict[str, Any]]:
    recipe = predictor.recipe
    stem = safe_name(video.stem)
    if not wishes.force:
        # Before hours of work. How many people there are is not known yet.
        predicted.check(_files(f"{stem}-person1" if wishes.face == "each" else stem, wishes))
    with work_folder(work_beside(wishes.out)) as work, one_thread():
        recording = read_recording(
            video.path,
            work,
            settings=recipe.clips,
            targets=targets_of(recipe.targets),
            modalities=frozenset(stream.modality for stream in recipe.streams.values()),
            faces=faces,
            face=wishes.face,
        )
        said = predictor.predict(recording, work, name=video.path.name)
        names = [stem] if wishes.face == "largest" else [f"{stem}-person{n}" for n in range(1, len(said) + 1)]
        if not wishes.force:
            for name in names:
                predicted.check(_files(name, wishes))
        entries = []
        for name, person, one in zip(names, recording.people, said, strict=True):
            written = _write(work, name, video, recording, person, one, predictor, wishes)
            entry = _entry(name, video, recording, person, one, predictor)
            predicted.add(entry, written)
            entries.append({**entry, "files": [str(wishes.out / file) for file in written]})
        if wishes.face == "each":
            predicted.forget_people(video.path, stem=stem, known=len(names))
    return entries


def _files(name: str, wishes: Wishes) -> list[str]:
    return [f"{name}.csv", f"{name}.png", *([f"{name}-overlay.mp4"] if wishes.overlay else [])]


def _write(
    work: Path,
    name: str,
    video: Video,
    recording: Recording,
    person: Person,
    said: Combined,
    predictor: Predictor,
    wishes: Wishes,
) -> dict[str, Path]:
    """Write a person's files into the work folder; return where they are, by name."""
    ranges = predictor.recipe.targets
    seen = person.clip.faces is not None
    files = {file: work / file for file in _files(name, wishes)}
    table, plot, *overlay = files.values()
    boxes = person.boxes if seen else None
    write_table(table, said, time=recording.time, targets=list(ranges), boxes=boxes)
    write_plot(
        plot,
        said.predictions,
        title=f"{name}, by {predictor.recipe.model}",
        time=recording.time,
        ranges=ranges,
        valid=person.valid if seen else None,
    )
    for path in overlay:
        write_overlay(
            path,
            video.path,
            said.predictions,
            time=recording.time,
            zero=recording.zero,
            ranges=ranges,
            boxes=person.boxes,
        )
    return files


def _entry(
    name: str, video: Video, recording: Recording, person: Person, said: Combined, predictor: Predictor
) -> dict[str, Any]:
    means = np.nanmean(said.predictions, axis=0)
    return {
        "name": name,
        "video": str(video.path),
        "model": predictor.recipe.model,
        "recipe_sha256": identity(predictor.recipe),
        "folds": list(predictor.choice.best),
        "combine": predictor.choice.combine,
        "arithmetic": predictor.executor.arithmetic,
        "frames": len(recording.time),
        "seconds": round(float(recording.time[-1]), 3),
        "frames_with_face": int(person.valid.sum()) if person.clip.faces is not None else None,
        "mean": {target: round(float(mean), 4) for target, mean in zip(predictor.recipe.targets, means, strict=True)},
        "notes": list(recording.notes),
    }
