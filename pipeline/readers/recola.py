"""RECOLA in the partition of the AVEC challenges: nine trials each to train, develop and test.

<root>/recordings_video/<trial>.mp4|.avi
<root>/recordings_audio/<trial>.wav                              if the folder exists; else the video's own sound
<root>/ratings_gold_standard/{arousal,valence}/<trial>.arff|.csv
Trials are called train_1 ... train_9, dev_1 ... dev_9 and test_1 ... test_9.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.clips.partition import Partition
from pipeline.corpora.config import RecolaConfig
from pipeline.corpora.labels import PER_TARGET
from pipeline.corpora.trial import Trial
from pipeline.runtime.errors import Problem
from pipeline.runtime.tables import unreadable

TRIAL = re.compile(r"(?P<part>train|dev|test)_(?P<number>[1-9][0-9]{0,2})")
PARTITIONS: dict[str, Partition] = {"train": "train", "dev": "validation", "test": "test"}

# Names are compared in lower case, those of folders with - for _: releases and their archives differ in nothing else.
VIDEOS = re.compile(r"recordings[-_]videos?|(recola[-_])?video[-_]recordings|videos?")
SOUNDS = re.compile(r"recordings[-_]audio|(recola[-_])?audio[-_]recordings|audio")
RATINGS = re.compile(r"(ratings[-_])?gold[-_]standard")
RECORDINGS = re.compile(r"recordings")

VIDEO_SUFFIXES, SOUND_SUFFIXES, RATING_SUFFIXES = (".mp4", ".avi"), (".wav",), (".arff", ".csv")
LAYOUT = "see docs/corpora.md for the names that are understood"


class Recola:
    """Reader of RECOLA; the folders are looked up once, when it is made.

    Parameters
    ----------
    config : section `corpus` of params.yaml
    """

    def __init__(self, config: RecolaConfig) -> None:
        self.root = Path(config.root)
        self.targets = tuple(config.targets)
        self._problems: list[Problem] = []
        self._trials: tuple[Trial, ...] = ()
        if not self.root.is_dir():
            remedy = "set corpus.root in params.yaml to where the corpus lies"
            self._problems.append(Problem("missing", file=str(self.root), remedy=remedy))
            return
        try:
            videos = self._folder(VIDEOS, "recordings_video")
            sounds = self._folder(SOUNDS, None)
            ratings = self._folder(RATINGS, "ratings_gold_standard")
            if videos and ratings:
                self._trials = self._collect(videos, sounds, ratings)
        except OSError as error:
            self._problems += unreadable(Path(error.filename or self.root), error, what="").problems

    def trials(self) -> tuple[Trial, ...]:
        """Return every trial that has a video, sorted by name."""
        return self._trials

    def validate(self) -> tuple[Problem, ...]:
        """Return what is wrong with folders and names."""
        return tuple(self._problems)

    def _folder(self, pattern: re.Pattern[str], usual: str | None) -> Path | None:
        """Find a folder below the root or below `recordings`; an archive may have put it into one of the same name."""
        bases = [self.root, *_folders(self.root, RECORDINGS)]
        found = [folder for base in bases for folder in _folders(base, pattern)]
        found = [inner for folder in found for inner in (_folders(folder, pattern) or [folder])]
        if not found and usual:
            self._problems.append(Problem("missing", file=str(self.root / usual), remedy=LAYOUT))
        for other in found[1:]:
            message = f"means the same as {found[0]}"
            self._problems.append(Problem(message, file=str(other), remedy="keep one of the two"))
        return found[0] if found else None

    def _collect(self, videos: Path, sounds: Path | None, ratings: Path) -> tuple[Trial, ...]:
        pictures = self._files(videos, VIDEO_SUFFIXES)
        heard = self._files(sounds, SOUND_SUFFIXES) if sounds else {}
        rated: dict[str, dict[str, Path]] = {target: {} for target in self.targets}
        for target in self.targets:
            if (ratings / target).is_dir():
                rated[target] = self._files(ratings / target, RATING_SUFFIXES)
            else:
                self._problems.append(Problem("missing", file=str(ratings / target), remedy=LAYOUT))
        for name in sorted(pictures.keys() - _named(pictures)):
            remedy = "name it train_1 ... test_9 after the challenge's list, or describe your corpus as a table"
            self._problems.append(Problem("not a trial's name", file=str(pictures[name]), remedy=remedy))
        names = _named([*pictures, *heard, *(name for files in rated.values() for name in files)])
        self._check_holes(names)
        return tuple(
            Trial(
                trial=name,
                partition=PARTITIONS[name.partition("_")[0]],
                subject=name,
                video=pictures.get(name, videos / f"{name}{VIDEO_SUFFIXES[0]}"),
                images=None,
                annotation=self._annotation(name, ratings, [files.get(name) for files in rated.values()]),
                audio=heard.get(name, sounds / f"{name}{SOUND_SUFFIXES[0]}") if sounds else None,
            )
            for name in sorted(names)
        )

    def _check_holes(self, names: Iterable[str]) -> None:
        """Report numbers left out below the highest one: their files were forgotten."""
        present: dict[str, set[int]] = {part: set() for part in PARTITIONS}
        for name in names:
            part, _, number = name.partition("_")
            present[part].add(int(number))
        for part, numbers in present.items():
            for hole in sorted(set(range(1, max(numbers, default=0))) - numbers):
                message = f"there is no trial {part}_{hole}, but one with a higher number"
                self._problems.append(Problem(message, file=str(self.root), remedy="add its files"))

    def _annotation(self, name: str, ratings: Path, found: list[Path | None]) -> Path | None:
        """Return the path of the trial's ratings with `PER_TARGET` in it; a test trial may have none."""
        names = sorted({path.name for path in found if path})
        suffixes = sorted({Path(file).suffix.lower() for file in names})
        if name.startswith("test_") and not names:
            return None
        if len(suffixes) > 1:
            message = f"ratings of different kinds: {', '.join(suffixes)}"
            self._problems.append(Problem(message, file=str(ratings), trial=name, remedy="keep one kind"))
        elif len(names) > 1:
            remedy = "call the files of all targets alike"
            message = f"ratings in differently spelled files: {', '.join(names)}"
            self._problems.append(Problem(message, file=str(ratings), trial=name, remedy=remedy))
        return ratings / PER_TARGET / (names[0] if names else f"{name}{RATING_SUFFIXES[0]}")

    def _files(self, folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
        """Return the files with one of the suffixes by their names in lower case, an earlier suffix before a later."""
        found: dict[str, Path] = {}
        listed = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        for path in (path for suffix in suffixes for path in listed if path.suffix.lower() == suffix):
            first = found.setdefault(path.stem.lower(), path)
            if first != path and first.suffix.lower() == path.suffix.lower():
                message = f"the same name as {first.name}"
                self._problems.append(Problem(message, file=str(path), remedy="keep one of the two"))
        return found


def _folders(base: Path, pattern: re.Pattern[str]) -> list[Path]:
    return sorted(path for path in base.iterdir() if pattern.fullmatch(path.name.lower()) and path.is_dir())


def _named(names: Iterable[str]) -> set[str]:
    return {name for name in names if TRIAL.fullmatch(name)}


CORPUS = Recola
