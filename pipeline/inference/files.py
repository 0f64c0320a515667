"""Which videos are predicted, and the files of their predictions: never over something that was not written here."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import AffectflowError, InputError, Problem
from pipeline.runtime.files import replacing_file, sha256_file
from pipeline.runtime.folders import work_root
from pipeline.runtime.reading import reading

RECORD = "predicted.json"
"""Beside the predictions: which files were written, of which video, by which model, with their SHA-256."""

SUFFIXES = (
    *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".mxf", ".ogv", ".vob", ".webm", ".wmv"),
)
"""What is taken for a video in a folder; a file that is named is tried whatever it is called."""


@dataclass(frozen=True)
class Video:
    """A video to predict.

    Parameters
    ----------
    path : as the user wrote it, or below the folder that the user wrote
    stem : what its files are called, a path relative to the folder of the predictions
    """

    path: Path
    stem: str


def list_videos(given: Sequence[Path]) -> list[Video]:
    """Return the videos of files and folders, those of a folder in the order of their names, each once.

    Folders within folders count, hidden ones and those with predictions in them do not. Videos that differ in their
    suffix or folder alone get names that tell them apart.

    Raises
    ------
    InputError
        A path is not there, or a folder has no video in it.
    """
    problems: list[Problem] = []
    found: dict[Path, Path] = {}
    for path in given:
        if path.is_dir():
            below = _videos_below(path)
            found |= {video.resolve(): video for video in below if video.resolve() not in found}
            if not below:
                problems.append(
                    Problem("no video in it", file=str(path), remedy=f"known: {' '.join(sorted(SUFFIXES))}")
                )
        elif path.is_file():
            found.setdefault(path.resolve(), path)
        else:
            problems.append(Problem("no such file or folder", file=str(path), remedy="correct the path"))
    if problems:
        raise InputError("nothing to predict", problems)
    paths = list(found.values())
    return [Video(path, stem) for path, stem in zip(paths, _stems(paths), strict=True)]


def _videos_below(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not (path / RECORD).is_file():
            found += _videos_below(path)
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            found.append(path)
    return found


def _stems(paths: Sequence[Path]) -> list[str]:
    """Name each video by its file: without the suffix, with it where two would be the same, then numbered."""
    plain = [path.stem.lower() for path in paths]
    stems: list[str] = []
    for path in paths:
        stem = path.stem if plain.count(path.stem.lower()) == 1 else path.name
        number = 2
        free = stem
        while free.lower() in (taken.lower() for taken in stems):
            free, number = f"{stem}-{number}", number + 1
        stems.append(free)
    return stems


class Predicted:
    """The folder of the predictions, and the record of what was written into it.

    Parameters
    ----------
    folder : made when the first file is written

    Raises
    ------
    InputError
        The record cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record = folder / RECORD
        self._entries: dict[str, dict[str, Any]] = {}
        if self._record.is_file():
            remedy = "move it away, or choose another folder with --out"
            what = "the record of predictions cannot be read"
            with reading(self._record, what=what, remedy=remedy, damaged=remedy):
                self._entries = {str(one["name"]): one for one in json.loads(self._record.read_bytes())["predictions"]}

    def check(self, files: Iterable[str]) -> None:
        """Refuse to write over files that were not written here, or were changed since.

        Parameters
        ----------
        files : names of those that would be written

        Raises
        ------
        AffectflowError
            Naming the first such file.
        """
        known: Mapping[str, str] = {file: sha for one in self._entries.values() for file, sha in one["files"].items()}
        for file in files:
            path = self.folder / file
            if path.exists() and (file not in known or not path.is_file() or sha256_file(path) != known[file]):
                why = "was changed since it was written" if file in known else "was not written by `affectflow predict`"
                remedy = "move it away, choose another folder with --out, or give --force"
                raise AffectflowError(f"{path} is there and {why} -> {remedy}")

    def add(self, entry: Mapping[str, Any], written: Mapping[str, Path]) -> None:
        """Move files of one video into the folder, and note them.

        Parameters
        ----------
        entry : what the record says of them; has a ``name``
        written : each finished file, on the same file system, by its name
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for file, path in written.items():
            files[file] = sha256_file(path)
            path.replace(self.folder / file)
        self._entries[str(entry["name"])] = {**entry, "files": files}
        self._write()

    def forget_people(self, video: Path, *, stem: str, known: int) -> None:
        """Remove what an earlier run wrote of people whom the latest one did not find; files changed since stay.

        Parameters
        ----------
        video : in which they are
        stem : of the files' names
        known : people who were found
        """
        for name in list(self._entries):
            number = re.fullmatch(rf"{re.escape(stem)}-person(\d+)", name)
            if number and int(number[1]) > known and self._entries[name]["video"] == str(video):
                for file, sha256 in self._entries.pop(name)["files"].items():
                    path = self.folder / file
                    if path.is_file() and sha256_file(path) == sha256:
                        path.unlink()
                self._write()

    def _write(self) -> None:
        rows = [self._entries[name] for name in sorted(self._entries)]
        with replacing_file(self._record) as fresh:
            fresh.write_text(json.dumps({"predictions": rows}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def safe_name(stem: str) -> str:
    """Return a stem without what separates folders or ends a name somewhere."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", stem) or "video"


def work_beside(out: Path) -> Path:
    """Return where to prepare what moves into the folder `out`: on its file system, and not in it before it is made."""
    return work_root(out / RECORD if out.is_dir() else out)
