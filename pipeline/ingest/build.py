"""Building one clip: the item that the clips stage caches by content."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.clips.clip import Clip, write_clip
from pipeline.clips.further_datasets import write_further
from pipeline.clips.target import Target
from pipeline.corpora.digest import digest_bytes, digest_file, trial_digest
from pipeline.corpora.labels import ANNOTATION, LabelFormat, Labels, label_files
from pipeline.corpora.ratings import Ratings
from pipeline.corpora.trial import Trial
from pipeline.ingest.faces import Faces, read_faces, search_faces
from pipeline.ingest.placement import place_labels
from pipeline.media.audio import read_audio
from pipeline.media.config import FacesConfig
from pipeline.media.detectors import resolve
from pipeline.media.timeline import common_timeline
from pipeline.media.video import VideoTrack, read_video
from pipeline.runtime.errors import InputError, Problem

SUMMARY = "summary.json"
REINDEX = "run `affectflow index`, then reproduce"

T = TypeVar("T")


@dataclass(frozen=True)
class ClipPayload:
    """What `build_clip` is given.

    Parameters
    ----------
    trial : the trial and its files
    digest : the trial's digest in the corpus index
    targets : what is annotated
    face_size : width and height of the stored faces, pixels
    sample_rate : hertz
    other_rates : further rates at which the sound is stored as well, hertz
    other_sizes : further sizes in which the faces are stored as well, pixels
    form : how labels are written
    search : how faces are found in a trial that has no crops, resolved; by default as in `FacesConfig`
    """

    trial: Trial
    digest: str
    targets: tuple[Target, ...]
    face_size: int
    sample_rate: int
    other_rates: tuple[int, ...] = ()
    other_sizes: tuple[int, ...] = ()
    form: LabelFormat = ANNOTATION
    search: FacesConfig | None = None


def build_clip(payload: ClipPayload, directory: Path) -> None:
    """Write ``<trial>.h5`` and a summary for the manifest into `directory`.

    Raises
    ------
    InputError
        The files are not those of the index any more, or some cannot be used: every one is named.
    """
    clip = assemble_clip(payload)
    write_clip(directory / f"{clip.trial}.h5", clip)
    summary = json.dumps(summarise(clip), indent=1, sort_keys=True)
    (directory / SUMMARY).write_text(f"{summary}\n", encoding="utf-8")


def assemble_clip(payload: ClipPayload) -> Clip:
    """Read all files of a trial and put them on one time line; see `build_clip`."""
    try:
        return _assemble(payload)
    except InputError as error:
        problems = [replace(problem, trial=payload.trial.trial) for problem in error.problems]
        raise InputError(error.summary, problems) from error


def _assemble(payload: ClipPayload) -> Clip:
    trial, targets = payload.trial, payload.targets
    problems: list[Problem] = []
    sources = _sources(trial, targets)
    labels = _read_labels(payload, sources, problems)
    video = _try(problems, lambda: read_video(trial.video))
    rates = (payload.sample_rate, *payload.other_rates)
    # A silent video serves models of the picture alone; a file that is named for its sound must have some.
    audio = _try(problems, lambda: read_audio(trial.audio or trial.video, rates, required=trial.audio is not None))
    faces = _try(problems, lambda: _faces(payload, video))
    if faces is not None and faces.digest is not None:
        sources["images"] = faces.digest
    if trial_digest(sources) != payload.digest:
        message = "its files are not those that the corpus index describes"
        raise InputError("the corpus has changed", [Problem(message, trial=trial.trial, remedy=REINDEX)])
    problems.extend(faces.problems if faces is not None else ())
    timeline = None
    if video is not None and audio is not None:
        both = video, audio
        timeline = _try(problems, lambda: common_timeline(*both, path=trial.video, same_file=trial.audio is None))
    if problems or video is None or faces is None or timeline is None:
        # Picture and sound of one file share what is wrong with it.
        named = [replace(problem, trial=trial.trial) for problem in dict.fromkeys(problems)]
        raise InputError(f"trial {trial.trial} cannot be used", named)
    notes = (*timeline.notes, *faces.notes, *(() if audio else ("there is no sound",)))
    values, alignment = place_labels(labels, timeline.time, targets=targets, numbers=faces.numbers, notes=notes)
    sounds = {rate: timeline.audio.get(rate, np.zeros(0, dtype=np.int16)) for rate in rates}
    return Clip(
        trial=trial.trial,
        subject=trial.subject,
        partition=trial.partition,
        fps=video.rate,
        targets=targets,
        time=timeline.time,
        faces=faces.pixels,
        face_valid=faces.valid,
        audio=sounds[payload.sample_rate],
        sample_rate=payload.sample_rate,
        labels=values,
        alignment={**alignment.as_dict(), "clock": video.clock},
        sources=sources,
        other_audio={rate: sounds[rate] for rate in payload.other_rates},
        other_faces=faces.other_pixels,
    )


def summarise(clip: Clip) -> dict[str, Any]:
    """Return what the manifest and the alignment table say of a clip, so that they need not open it."""
    return {
        "trial": clip.trial,
        "partition": clip.partition,
        "subject": clip.subject,
        "fps": clip.fps,
        "frames": len(clip),
        "labelled": int(clip.label_valid.sum()),
        "faces": int(clip.face_valid.sum()),
        "duration": len(clip.audio) / clip.sample_rate,
        "digest": clip.digest(),
        "media": clip.media_digest(),
        "labels": clip.labels_digest(),
        "further": write_further(clip.other_digests()),
        "alignment": dict(clip.alignment),
    }


def _sources(trial: Trial, targets: tuple[Target, ...]) -> dict[str, str]:
    annotations = [file.path for file in label_files(trial.annotation, targets)] if trial.annotation else []
    files = [path for path in (trial.video, trial.audio, *annotations) if path and not path.is_file()]
    missing = [*files, *([trial.images] if trial.images and not trial.images.is_dir() else [])]
    if missing:
        problems = [Problem("missing", file=str(path), trial=trial.trial, remedy=REINDEX) for path in missing]
        raise InputError("the corpus has changed", problems)
    sources = {"video": digest_file(trial.video)}
    if trial.audio:
        sources["audio"] = digest_file(trial.audio)
    return sources


def _read_labels(payload: ClipPayload, sources: dict[str, str], problems: list[Problem]) -> Labels | None:
    """Parse every label file, and note the digest of each in `sources`."""
    targets = payload.targets
    if payload.trial.annotation is None:
        return None
    ratings: list[Ratings] = []
    names: list[str] = []
    for file in label_files(payload.trial.annotation, targets):
        data = file.read()
        sources[file.source] = digest_bytes(data)
        ratings.extend(_try(problems, partial(file.parse, data, payload.form)) or ())
        names += [str(file.path)] * len(file.targets)
    return Labels(tuple(ratings), payload.form.delays or (0.0,) * len(targets), tuple(names))


def _faces(payload: ClipPayload, video: VideoTrack | None) -> Faces | None:
    """Read the trial's crops, or look for faces in a video that could be read."""
    images, size, others = payload.trial.images, payload.face_size, payload.other_sizes
    if images is not None:
        return read_faces(images, frames=0 if video is None else len(video.time), size=size, other_sizes=others)
    if video is None:
        return None
    config = payload.search or resolve(FacesConfig())
    return search_faces(payload.trial.video, video.time, size=size, config=config, other_sizes=others)


def _try(problems: list[Problem], read: Callable[[], T]) -> T | None:
    """Collect the problems of one source, so that those of the others are found as well."""
    try:
        return read()
    except InputError as error:
        problems.extend(error.problems)
        return None
