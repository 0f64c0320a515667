"""Aff-Wild2 as distributed, under every name that the published codes give to its folders.

<root>/annotations/<VA folder>/<Train|Validation folder>/<trial>.txt
<root>/cropped_aligned/<trial>/00001.jpg ...
<root>/raw_videos/<video>.mp4|.avi
<root>/**/<test list>.txt                       one trial per line
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.clips.partition import Partition
from pipeline.corpora.config import AffWild2Config
from pipeline.corpora.trial import Trial
from pipeline.readers.names import subject_of, video_name
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import RULE, name_fault
from pipeline.runtime.tables import LARGEST_LABELS, lines_of, read_bounded, unreadable

# All names are compared in lower case: macOS and Windows make no difference, and the codes differ in nothing else.
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
RENAME = f"rename the trial's label file, crops and video, or its line of the test list: {RULE}"


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
        try:
            self._trials = self._look()
        except InputError as error:
            self._trials, self._problems = (), [*self._problems, *error.problems]
        except OSError as error:
            self._trials = ()
            self._problems += unreadable(Path(error.filename or self.root), error, what="").problems
        if self.sample and not self.sample.is_file():
            self._missing(self.sample, "set corpus.sample to the challenge's sample submission, or leave it out")

    def trials(self) -> tuple[Trial, ...]:
        """Return every annotated trial and every trial of the test list, sorted by name."""
        return self._trials

    def validate(self) -> tuple[Problem, ...]:
        """Return what is wrong with folders, lists and names."""
        return tuple(self._problems)

    def _look(self) -> tuple[Trial, ...]:
        image_folders = self._need(_folders(self.root, IMAGES), "cropped_aligned")
        self._video_folders = self._need(_folders(self.root, VIDEOS), "raw_videos")
        self._image_bases = image_folders or [self.root / "cropped_aligned"]
        self._images = _by_name(path for base in image_folders for path in _listed(base))
        self._videos = self._list_videos()
        named = [entry for entry in (*self._annotated(), *self._listed_for_test()) if self._named_well(entry)]
        return tuple(sorted(self._locate(named), key=lambda trial: trial.trial))

    def _named_well(self, entry: _Named) -> bool:
        fault = name_fault(entry.trial)
        if fault:
            self._problems.append(Problem(f"trial {fault}", file=entry.file, row=entry.row, remedy=RENAME))
        return fault is None

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

    def _list_videos(self) -> dict[str, list[Path]]:
        """Return every video by its name; .mp4 comes before .avi, and one level of batch folders is looked into."""
        listed = [path for folder in self._video_folders for path in _listed(folder)]
        listed += [path for folder in listed if folder.is_dir() for path in _listed(folder)]
        videos = [path for suffix in SUFFIXES for path in listed if path.suffix.lower() == suffix]
        return _by_name(videos, key=lambda path: path.stem)

    def _annotated(self) -> list[_Named]:
        annotations = self._only(_folders(self.root, ANNOTATIONS), self.root / "annotations")
        va = [found for base in annotations for found in self._only(_folders(base, VA), base / "VA_Set")]
        usual: dict[Partition, str] = {"train": "Train_Set", "validation": "Validation_Set"}
        return [
            _Named(path.stem, partition, str(path), annotation=path)
            for base in va
            for partition, pattern in ANNOTATED.items()
            for folder in self._only(_folders(base, pattern), base / usual[partition])
            for path in _listed(folder)
            if path.suffix.lower() == ".txt"
        ]

    def _listed_for_test(self) -> list[_Named]:
        what = "unusable test list"
        lists = self._test_lists()
        contents = [read_bounded(path, largest=LARGEST_LABELS, what=what) for path in lists]
        for other, content in list(zip(lists, contents, strict=True))[1:]:
            if content != contents[0]:
                message = f"differs from the test list {lists[0]}"
                self._problems.append(Problem(message, file=str(other), remedy="keep the list of your challenge"))
        if not lists:
            return []
        file = str(lists[0])
        named: dict[str, _Named] = {}
        for row, line in enumerate(lines_of(contents[0], file=file, what=what), start=1):
            name = line.strip()
            earlier = named.get(name.lower())
            if earlier:
                message = f"named twice, first in row {earlier.row}"
                self._problems.append(Problem(message, file=file, row=row, trial=name, remedy="name it once"))
            elif name:
                named[name.lower()] = _Named(name, "test", file, row)
                if not name_fault(name) and not self._exists(name):
                    remedy = "correct the name, or add the trial's crops and video"
                    self._problems.append(Problem("unknown trial", file=file, row=row, trial=name, remedy=remedy))
        if not named:
            self._problems.append(Problem("the test list is empty", file=file, row=1, remedy="fill or remove it"))
        return [entry for entry in named.values() if name_fault(entry.trial) or self._exists(entry.trial)]

    def _test_lists(self) -> list[Path]:
        folders = [self.root, *_folders(self.root, ANNOTATIONS)]
        folders += [va for base in folders[1:] for va in _folders(base, VA)]
        folders += [test for base in folders for test in _folders(base, TEST)]
        folders += [names for base in folders for names in _folders(base, TEST_NAMES)]
        names = {name.lower() for name in TEST_LISTS}
        return [path for folder in folders for path in _listed(folder) if path.name.lower() in names and path.is_file()]

    def _exists(self, trial: str) -> bool:
        return bool(self._videos_of(trial) or self._crops_of(trial))

    def _videos_of(self, trial: str) -> list[Path]:
        return self._videos.get(trial.lower()) or self._videos.get(video_name(trial).lower()) or []

    def _crops_of(self, trial: str) -> list[Path]:
        return [path for path in self._images.get(trial.lower(), ()) if path.is_dir()]

    def _locate(self, named: Iterable[_Named]) -> list[Trial]:
        entries: dict[str, _Named] = {}
        for entry in named:
            name = entry.trial
            other = entries.setdefault(name.lower(), entry)
            if other is not entry:
                message = f"in the partitions {other.partition} and {entry.partition}"
                remedy = "keep it in one partition"
                if other.partition == entry.partition:
                    message, remedy = f"the same name as {other.file}", "keep one of the two"
                self._problems.append(Problem(message, file=entry.file, row=entry.row, trial=name, remedy=remedy))
        self._check_videos(entries.values())
        return [
            Trial(
                trial=entry.trial,
                partition=entry.partition,
                subject=subject_of(entry.trial),
                video=next(iter(self._videos_of(entry.trial)), self._usual_video(entry.trial)),
                images=self._crops(entry.trial),
                annotation=entry.annotation,
            )
            for entry in entries.values()
        ]

    def _check_videos(self, named: Iterable[_Named]) -> None:
        """Report videos of one name of which any could be meant; an .avi beside an .mp4 is the same video again."""
        used = {str(video): entry.trial for entry in named for video in self._videos_of(entry.trial)}
        for same in self._videos.values():
            for other in same[1:]:
                converted = other.parent == same[0].parent and other.suffix.lower() != same[0].suffix.lower()
                if str(other) in used and not converted:
                    message = f"a second video of the same name beside {same[0]}"
                    remedy = "keep the one that the trial's crops are from"
                    self._problems.append(Problem(message, file=str(other), trial=used[str(other)], remedy=remedy))

    def _usual_video(self, trial: str) -> Path:
        base = self._video_folders[0] if self._video_folders else self.root / "raw_videos"
        return base / f"{video_name(trial)}{SUFFIXES[0]}"

    def _crops(self, trial: str) -> Path:
        found = self._crops_of(trial)
        for other in found[1:]:
            message = f"a second folder of crops beside {found[0]}"
            self._problems.append(Problem(message, file=str(other), trial=trial, remedy="keep one of the two"))
        return found[0] if found else self._image_bases[0] / trial


def _folders(base: Path, pattern: re.Pattern[str]) -> list[Path]:
    return [path for path in _listed(base) if pattern.fullmatch(path.name.lower()) and path.is_dir()]


def _listed(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, without hidden files."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _by_name(paths: Iterable[Path], key: Callable[[Path], str] = lambda path: path.name) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(key(path).lower(), []).append(path)
    return found


CORPUS = AffWild2
