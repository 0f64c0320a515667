"""Reading all files of one trial once: their digest, and everything that is wrong with them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.clips.target import Target
from pipeline.corpora.digest import digest_bytes, digest_file, list_images, trial_digest
from pipeline.corpora.labels import ANNOTATION, LabelFile, LabelFormat, label_files
from pipeline.corpora.trial import Trial
from pipeline.media.inspection import inspect_media
from pipeline.readers.crops import check_crops
from pipeline.readers.memory import FileMemory, Finding
from pipeline.runtime.code import code_key
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.tables import unreadable


@dataclass(frozen=True)
class Scan:
    """What one trial's files hold.

    Parameters
    ----------
    trial : its name
    images : how many crops it has
    sources : SHA-256 of each of its sources
    problems : everything that is wrong
    """

    trial: str
    images: int
    sources: dict[str, str]
    problems: tuple[Problem, ...]

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
) -> Scan:
    """Read a trial's annotation, crops and media, except what `memory` knows already.

    Parameters
    ----------
    targets : what is annotated
    size : width and height that every crop must have, pixels; None where the corpus has no crops
    form : how labels are written
    """
    code = code_key(__name__)
    findings: dict[str, Finding] = {}
    problems: list[Problem] = []

    annotations = {file.source: file for file in label_files(trial.annotation, targets)} if trial.annotation else {}

    def look(source: str, path: Path) -> Finding:
        def recall(files: Sequence[Path], settings: object, read: Callable[[], Finding]) -> Finding:
            return memory.recall(files, [source, str(path), settings, code], read)

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
        streams = {"needs_video": source == "video", "needs_audio": source == "audio" or trial.audio is None}
        return recall([path], streams, partial(_check_media, path, **streams))

    for source, path in _expected(trial, annotations.values()).items():
        # What cannot be read is not remembered: the file may be readable next time, and have no later time of change.
        try:
            findings[source] = look(source, path)
        except InputError as error:
            problems.extend(error.problems)
        except OSError as error:
            problems.extend(unreadable(Path(error.filename or path), error, what="").problems)
    problems.extend(problem for finding in findings.values() for problem in finding.problems)
    return Scan(
        trial=trial.trial,
        images=findings["images"].count if "images" in findings else 0,
        sources={source: finding.digest for source, finding in findings.items()},
        problems=tuple(replace(problem, trial=trial.trial) for problem in problems),
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
        return Finding(digest_bytes(data), len(file.parse(data, form)[0].values), ())
    except InputError as error:
        return Finding(digest_bytes(data), 0, error.problems)


def _check_media(path: Path, *, needs_video: bool, needs_audio: bool) -> Finding:
    problems = inspect_media(path, needs_video=needs_video, needs_audio=needs_audio)
    return Finding(digest_file(path), 1, tuple(problems))
