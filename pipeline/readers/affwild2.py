"""Aff-Wild2 as distributed, under every name that the published codes give to its folders.

<root>/annotations/<VA folder>/<Train|Validation folder>/<trial>.txt
<root>/cropped_aligned/<trial>/00001.jpg ...
<root>/raw_videos/<video>.mp4|.avi
<root>/**/<test list>.txt                       one trial per line
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.clips.partition import Partition
from pipeline.corpora.config import AffWild2Config
from pipeline.corpora.trial import Trial
from pipeline.readers.names import subject_of, video_name
from pipeline.runtime.errors import Problem

# Folders are compared in lower case: macOS and Windows make no difference, and the codes differ in nothing else.
ANNOTATIONS = re.compile(r"(\d+\w\w_abaw_)?annotations")
VA = re.compile(r"va|va_set|va_estimation|va_estimation_challenge")
ANNOTATED: dict[Partition, re.Pattern[str]] = {
    "train": re.compile(r"train|train_set"),
    "validation": re.compile(r"val|val_set|validate|validation|validation_set"),
}
TEST = re.compile(r"test_?set")
VIDEOS = re.compile(r"raw_videos?|test_?set")
IMAGES = re.compile(r"cropped_aligned(_new_50_vids)?")
TEST_NAMES = re.compile(r"names_of_videos_in_each_test_set")
TEST_LISTS = (
    "Valence_Arousal_Estimation_Challenge_test_set_release.txt",
    "test_set_VA_Challenge.txt",
)
SUFFIXES = (".mp4", ".avi")


@dataclass(frozen=True)
class _Named:
    """A trial as an annotation file or a row of the test list names it."""

    trial: str
    partition: Partition
    file: str
    row: int | None = None
    annotation: Path | None = None


class AffWild2:
    """Reader of Aff-Wild2; the folders are looked up once, when it is made.

    Parameters
    ----------
    config : section `corpus` of params.yaml
    """

    def __init__(self, config: AffWild2Config) -> None:
        self.root = Path(config.root)
        self.sample = Path(config.sample) if config.sample else None
        self._problems: list[Problem] = []
        if not self.root.is_dir():
            self._missing(self.root, "set corpus.root in params.yaml to where the corpus lies")
            self._trials: tuple[Trial, ...] = ()
            return
        self._image_folders = self._need(_folders(self.root, IMAGES), "cropped_aligned")
        self._video_folders = self._need(_folders(self.root, VIDEOS), "raw_videos")
        self._videos = self._list_videos()
        named = self._annotated()
        named += self._listed_for_test()
        self._trials = tuple(sorted(self._locate(named), key=lambda trial: trial.trial))
        if self.sample and not self.sample.is_file():
            self._missing(self.sample, "set corpus.sample to the challenge's sample submission, or leave it out")

    def trials(self) -> tuple[Trial, ...]:
        """Return every annotated trial and every trial of the test list, sorted by name."""
        return self._trials

    def validate(self) -> tuple[Problem, ...]:
        """Return what is wrong with folders, lists and names."""
        return tuple(self._problems)

    def _missing(self, path: Path, remedy: str) -> None:
        self._problems.append(Problem("missing", file=str(path), remedy=remedy))

    def _need(self, found: list[Path], usual: str) -> list[Path]:
        if not found:
            self._missing(self.root / usual, "see docs/formats.md for the names that are understood")
        return found

    def _only(self, found: list[Path], usual: Path) -> list[Path]:
        """Take the first of several folders that mean the same, and say so."""
        if not found:
            self._missing(usual, "see docs/formats.md for the names that are understood")
        for other in found[1:]:
            message = f"means the same as {found[0]}"
            self._problems.append(Problem(message, file=str(other), remedy="keep one of the two"))
        return found[:1]

    def _list_videos(self) -> dict[str, Path]:
        """Return every video by its name; .mp4 comes before .avi, and one level of batch folders is looked into."""
        found: dict[str, Path] = {}
        for suffix in SUFFIXES:
            for folder in self._video_folders:
                for path in sorted([*folder.glob(f"*{suffix}"), *folder.glob(f"*/*{suffix}")]):
                    if not path.name.startswith("."):
                        found.setdefault(path.name.removesuffix(suffix), path)
        return found

    def _annotated(self) -> list[_Named]:
        annotations = self._only(_folders(self.root, ANNOTATIONS), self.root / "annotations")
        va = [found for base in annotations for found in self._only(_folders(base, VA), base / "VA_Set")]
        usual: dict[Partition, str] = {"train": "Train_Set", "validation": "Validation_Set"}
        return [
            _Named(path.name.removesuffix(".txt"), partition, str(path), annotation=path)
            for base in va
            for partition, pattern in ANNOTATED.items()
            for folder in self._only(_folders(base, pattern), base / usual[partition])
            for path in sorted(folder.glob("*.txt"))
            if not path.name.startswith(".")
        ]

    def _listed_for_test(self) -> list[_Named]:
        lists = self._test_lists()
        for other in lists[1:]:
            if other.read_bytes() != lists[0].read_bytes():
                message = f"differs from the test list {lists[0]}"
                self._problems.append(Problem(message, file=str(other), remedy="keep the list of your challenge"))
        if not lists:
            return []
        file = str(lists[0])
        rows = lists[0].read_text(encoding="utf-8-sig").splitlines()
        named: dict[str, int] = {}
        for row, line in enumerate(rows, start=1):
            name = line.strip()
            if name in named:
                message = f"named twice, first in row {named[name]}"
                self._problems.append(Problem(message, file=file, row=row, trial=name, remedy="name it once"))
            elif name:
                named[name] = row
                if not self._exists(name):
                    remedy = "correct the name, or add the trial's crops and video"
                    self._problems.append(Problem("unknown trial", file=file, row=row, trial=name, remedy=remedy))
        if not named:
            self._problems.append(Problem("the test list is empty", file=file, row=1, remedy="fill or remove it"))
        return [_Named(name, "test", file, row) for name, row in named.items() if self._exists(name)]

    def _test_lists(self) -> list[Path]:
        folders = [self.root, *_folders(self.root, ANNOTATIONS)]
        folders += [va for base in folders[1:] for va in _folders(base, VA)]
        folders += [test for base in folders for test in _folders(base, TEST)]
        folders += [names for base in folders for names in _folders(base, TEST_NAMES)]
        return [folder / name for folder in folders for name in TEST_LISTS if (folder / name).is_file()]

    def _exists(self, trial: str) -> bool:
        return self._video(trial) is not None or any((base / trial).is_dir() for base in self._image_folders)

    def _video(self, trial: str) -> Path | None:
        return self._videos.get(trial, self._videos.get(video_name(trial)))

    def _locate(self, named: Iterable[_Named]) -> list[Trial]:
        trials: dict[str, Trial] = {}
        for entry in named:
            name = entry.trial
            if name in trials:
                message = f"in the partitions {trials[name].partition} and {entry.partition}"
                remedy = "keep it in one partition"
                self._problems.append(Problem(message, file=entry.file, row=entry.row, trial=name, remedy=remedy))
                continue
            trials[name] = Trial(
                trial=name,
                partition=entry.partition,
                subject=subject_of(name),
                video=self._video(name) or self._usual_video(name),
                images=self._images(name),
                annotation=entry.annotation,
            )
        return list(trials.values())

    def _usual_video(self, trial: str) -> Path:
        base = self._video_folders[0] if self._video_folders else self.root / "raw_videos"
        return base / f"{video_name(trial)}{SUFFIXES[0]}"

    def _images(self, trial: str) -> Path:
        bases = self._image_folders or [self.root / "cropped_aligned"]
        found = [base / trial for base in bases if (base / trial).is_dir()]
        for other in found[1:]:
            message = f"a second folder of crops beside {found[0]}"
            self._problems.append(Problem(message, file=str(other), trial=trial, remedy="keep one of the two"))
        return found[0] if found else bases[0] / trial


def _folders(base: Path, pattern: re.Pattern[str]) -> list[Path]:
    return sorted(path for path in base.iterdir() if pattern.fullmatch(path.name.lower()) and path.is_dir())


CORPUS = AffWild2
