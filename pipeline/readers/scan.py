"""Reading all files of one trial once: their digest, and everything that is wrong with them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.clips.target import Target
from pipeline.corpora.digest import digest_bytes, digest_file, list_images, trial_digest
from pipeline.corpora.labels import ANNOTATION, LabelFile, LabelFormat, label_files
from pipeline.corpora.trial import Trial
from pipeline.media.config import FacesConfig
from pipeline.media.detectors import make_detector
from pipeline.media.inspection import inspect_media
from pipeline.media.pictures import sample_pictures
from pipeline.readers.crops import check_crops
from pipeline.readers.memory import FileMemory, Finding
from pipeline.runtime.code import code_key
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.tables import unreadable

Sound = Literal["required", "optional", "ignored"]

LOOKS = 5
"""Pictures of a video in which a face is looked for."""


@dataclass(frozen=True)
class Scan:
    """What one trial's files hold.

    Parameters
    ----------
    trial : its name
    images : how many crops it has
    sources : SHA-256 of each of its sources
    problems : everything that is wrong
    facts : what its files hold: ``frames``, ``rate`` (per second) and ``sound`` (s) of the media, ``rows`` and
        ``labelled`` rows of its labels, and of a quick look ``looked`` pictures, of which ``faces`` show a face
    """

    trial: str
    images: int
    sources: dict[str, str]
    problems: tuple[Problem, ...]
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """One SHA-256 over all sources."""
        return trial_digest(self.sources)


def scan_trial(
    trial: Trial,
    *,
    targets: Sequence[Target],
    size: int | None,
    memory: FileMemory,
    form: LabelFormat = ANNOTATION,
    look: FacesConfig | None = None,
) -> Scan:
    """Read a trial's annotation, crops and media, except what `memory` knows already.

    Parameters
    ----------
    targets : what is annotated
    size : width and height that every crop must have, pixels; None where the corpus has no crops
    form : how labels are written
    look : how faces are found, resolved, to look for some in a few pictures of a trial without crops; None not to
    """
    code = code_key(__name__)
    findings: dict[str, Finding] = {}
    problems: list[Problem] = []

    annotations = {file.source: file for file in label_files(trial.annotation, targets)} if trial.annotation else {}

    def read(source: str, path: Path) -> Finding:
        def recall(files: Sequence[Path], settings: object, check: Callable[[], Finding]) -> Finding:
            return memory.recall(files, [source, str(path), settings, code], check)

        if not path.exists():
            raise InputError("missing", _absent(source, path))
        if source == "images" and size is not None:
            names = list_images(path)
            return recall([path / name for name in names], size, partial(check_crops, path, names, size))
        if not path.is_file():
            remedy = "name the file itself, with its suffix"
            raise InputError("no file", [Problem(f"the {source} is not a file", file=str(path), remedy=remedy)])
        if source in annotations:
            file = annotations[source]
            settings = [form.kind, *(astuple(target) for target in file.targets)]
            return recall([path], settings, partial(_check_annotation, file, form))
        picture = source == "video"
        sound: Sound = "required" if source == "audio" else "optional" if trial.audio is None else "ignored"
        return recall([path], [picture, sound], partial(_check_media, path, needs_video=picture, sound=sound))

    for source, path in _expected(trial, annotations.values()).items():
        # What cannot be read is not remembered: the file may be readable next time, and have no later time of change.
        try:
            findings[source] = read(source, path)
        except InputError as error:
            problems.extend(error.problems)
        except OSError as error:
            problems.extend(unreadable(Path(error.filename or path), error, what="").problems)
    problems.extend(problem for finding in findings.values() for problem in finding.problems)
    facts = {name: value for finding in findings.values() for name, value in finding.facts.items()}
    if look is not None and trial.images is None and facts.get("frames"):
        question = ["look", look.model_dump(mode="json"), code]
        try:
            facts |= memory.recall([trial.video], question, partial(_look, trial.video, look)).facts
        except InputError as error:
            problems.extend(error.problems)
    return Scan(
        trial=trial.trial,
        images=findings["images"].count if "images" in findings else 0,
        sources={source: finding.digest for source, finding in findings.items()},
        problems=tuple(replace(problem, trial=trial.trial) for problem in problems),
        facts=facts,
    )


def _expected(trial: Trial, annotations: Iterable[LabelFile]) -> dict[str, Path]:
    paths: dict[str, Path | None] = {file.source: file.path for file in annotations}
    paths |= {"images": trial.images, "video": trial.video, "audio": trial.audio}
    return {source: path for source, path in paths.items() if path is not None}


def _absent(source: str, path: Path) -> list[Problem]:
    if not path.parent.is_dir():
        # The layout's own check has named the folder, once for all trials.
        return []
    if source == "images":
        return [Problem("the trial has no images", file=str(path), remedy="add its crops")]
    remedy = "add it, as .mp4 or .avi" if source == "video" else "add it"
    return [Problem(f"the {source} is missing", file=str(path), remedy=remedy)]


def _check_annotation(file: LabelFile, form: LabelFormat) -> Finding:
    data = file.read()
    try:
        ratings = file.parse(data, form)
        rows = max(len(rating.values) for rating in ratings)
        labelled = max(int((~np.isnan(rating.values)).sum()) for rating in ratings)
        return Finding(digest_bytes(data), rows, (), {"rows": rows, "labelled": labelled})
    except InputError as error:
        return Finding(digest_bytes(data), 0, error.problems)


def _check_media(path: Path, *, needs_video: bool, sound: Sound) -> Finding:
    found = inspect_media(path, needs_video=needs_video, sound=sound)
    facts: dict[str, float] = {}
    if found.video is not None:
        facts |= {"frames": len(found.video.time), "rate": found.video.rate}
    if sound != "ignored" and not found.problems:
        facts["sound"] = found.sound or 0.0
    return Finding(digest_file(path), 1, found.problems, facts)


def _look(path: Path, config: FacesConfig) -> Finding:
    """Look for a face in a few pictures along a video; what cannot be decoded is told elsewhere."""
    detector = make_detector(config)
    found = [len(detector.detect(picture)) > 0 for picture in sample_pictures(path, LOOKS)]
    return Finding("", len(found), (), {"looked": len(found), "faces": sum(found)})
