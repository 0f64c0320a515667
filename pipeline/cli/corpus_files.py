"""Videos, sounds and labels in a folder, matched by their names to the rows of a table."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpora.ratings import TIME, UNRATED
from pipeline.runtime.errors import InputError
from pipeline.runtime.names import LONGEST, name_fault
from pipeline.runtime.tables import LARGEST_LABELS, lines_of, read_bounded

VIDEOS = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mts"})
SOUNDS = frozenset({".wav", ".mp3", ".flac", ".m4a", ".ogg", ".opus", ".aac"})
LABELS = frozenset({".csv", ".txt", ".tsv"})

PART = re.compile(r"[_\-. ]")
"""Where a file's name may go on after that of its video: ``p01_morning_labels.csv``."""

RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 10.0), (0.0, 100.0))
"""Scales in use; the first that holds all values is taken for a target's."""


@dataclass(frozen=True)
class Match:
    """One row of a table.

    Parameters
    ----------
    trial, subject : names, made from the file's
    video, audio, labels : paths below the root; empty where there is none
    """

    trial: str
    video: str
    audio: str
    labels: str
    subject: str

    @property
    def partition(self) -> str:
        """Videos without labels can only be predicted."""
        return "" if self.labels else "test"


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Parameters
    ----------
    matches : one per video
    left_over : sounds and label files that belong to no video, or to one that has its own already, and why
    """

    matches: tuple[Match, ...]
    left_over: tuple[str, ...]


def find_trials(root: Path) -> Found:
    """Look through a folder, and match its sounds and labels to its videos by name.

    A file belongs to the video of the same name without its suffix, or to the video with whose name it begins
    (``p01_labels.csv`` to ``p01.mp4``); of several the longest name counts. The subject is the folder of the video
    where videos of one name's beginning lie in several, else the name up to its first ``_``, ``-`` or blank.
    """
    videos, sounds, labels = (sorted(_files(root, kinds)) for kinds in (VIDEOS, SOUNDS, LABELS))
    left_over: list[str] = []
    audio_of = _matched(videos, sounds, left_over)
    labels_of = _matched(videos, labels, left_over)
    names = _trial_names(videos)
    folders = {video.parent for video in videos}
    by_folder = len(folders) > 1 and len(folders) < len(videos) and Path() not in folders
    matches = [
        Match(
            trial=names[video],
            video=video.as_posix(),
            audio=audio_of[video].as_posix() if video in audio_of else "",
            labels=labels_of[video].as_posix() if video in labels_of else "",
            subject=_clean(video.parent.name if by_folder else re.split(r"[_\-\s]", video.stem)[0] or video.stem),
        )
        for video in videos
    ]
    return Found(tuple(sorted(matches, key=lambda match: match.trial)), tuple(left_over))


def find_targets(root: Path, found: Found) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Return the targets that label files name, with a range that holds all their values, and what could not be read.

    The range is the first of the usual scales that holds all values, else from the least to the greatest: a guess, for
    a person to correct.
    """
    values: dict[str, list[float]] = {}
    problems: list[str] = []
    for match in found.matches:
        if not match.labels:
            continue
        path = root / match.labels
        try:
            lines = lines_of(read_bounded(path, largest=LARGEST_LABELS, what="labels"), file=str(path), what="labels")
        except InputError as error:
            problems += map(str, error.problems)
            continue
        for name, column in _columns(lines):
            if name_fault(name) or _number(name) is not None:
                remedy = "begin it with a line that names its columns, such as time,valence,arousal"
                problems.append(f"{path}: its first line has {name!r} where a target is named -> {remedy}")
                break
            values.setdefault(name, []).extend(column)
    return {name: _range(name, column) for name, column in values.items() if column}, problems


def _files(root: Path, kinds: frozenset[str]) -> Iterator[Path]:
    """Yield the paths below the root of all files of some kinds; hidden ones are left out."""
    for path in root.rglob("*"):
        below = path.relative_to(root)
        if path.suffix.lower() in kinds and path.is_file() and not any(part.startswith(".") for part in below.parts):
            yield below


def _matched(videos: Sequence[Path], files: Iterable[Path], left_over: list[str]) -> dict[Path, Path]:
    matched: dict[Path, list[Path]] = defaultdict(list)
    for file in files:
        if video := _video_of(file, videos):
            matched[video].append(file)
        else:
            left_over.append(f"{file}: no video of this name")
    chosen: dict[Path, Path] = {}
    for video, candidates in matched.items():
        # The file of the same name comes before those that only begin with it.
        same = [file for file in candidates if file.stem.lower() == video.stem.lower()] or candidates
        if len(same) == 1:
            chosen[video] = same[0]
        else:
            left_over.append(f"{', '.join(map(str, same))}: each could be the one of {video}")
        left_over += [f"{file}: {video} has {same[0]}" for file in candidates if file not in same]
    return chosen


def _video_of(file: Path, videos: Sequence[Path]) -> Path | None:
    """Return the video whose name a file has or begins with: the longest name, in the nearest folder."""
    name = file.stem.lower()
    fitting = [
        video
        for video in videos
        if name == (stem := video.stem.lower()) or (name.startswith(stem) and PART.match(name, len(stem)))
    ]
    longest = max((len(video.stem) for video in fitting), default=0)
    fitting = [video for video in fitting if len(video.stem) == longest]
    # Where videos of several people have one name, a file belongs to the one whose folders it shares.
    shared = {video: len(set(video.parent.parts) & set(file.parent.parts)) for video in fitting}
    best = [video for video in fitting if shared[video] == max(shared.values())]
    return best[0] if len(best) == 1 else None


def _trial_names(videos: Sequence[Path]) -> dict[Path, str]:
    """Name each video's trial: after the file, with its folders where that name is taken, by the rule for names."""
    stems: dict[str, int] = defaultdict(int)
    for video in videos:
        stems[_clean(video.stem).lower()] += 1
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for video in videos:
        alone = stems[_clean(video.stem).lower()] == 1
        base = name = _clean(video.stem if alone else "_".join(video.with_suffix("").parts))
        number = 2
        while name.lower() in taken:
            name = f"{base[: LONGEST - 4]}_{number}"
            number += 1
        taken.add(name.lower())
        names[video] = name
    return names


def _clean(name: str) -> str:
    """Replace what a name may not hold; letters lose their accents."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    clean = re.sub(r"[^A-Za-z0-9._-]+", "_", plain)[:LONGEST]
    if not re.match(r"[A-Za-z0-9]", clean):
        clean = f"v{clean}"[:LONGEST]
    return f"{clean}_" if name_fault(clean) else clean


def _columns(lines: Sequence[str]) -> Iterator[tuple[str, list[float]]]:
    """Yield the name and numbers of each column of a label file, but for its times."""
    if not lines:
        return
    delimiter = max(",;\t", key=lines[0].count)
    rows = [line.split(delimiter) for line in lines]
    for place, name in enumerate(name.strip() for name in rows[0]):
        if name.lower() not in TIME:
            cells = [row[place].strip() for row in rows[1:] if place < len(row)]
            yield name, [number for cell in cells if (number := _number(cell)) is not None]


def _number(cell: str) -> float | None:
    try:
        return None if cell.lower() in UNRATED else float(cell)
    except ValueError:
        return None


def _range(name: str, values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    # From 0 to 1 fits into -1 to 1 as well, which is the scale of these two.
    scales = RANGES if low < 0 or name.lower() in ("valence", "arousal") else RANGES[1:]
    fitting = [scale for scale in scales if scale[0] <= low and high <= scale[1]]
    return fitting[0] if fitting else (low, high if high > low else low + 1)


def table_text(matches: Sequence[Match]) -> str:
    """Write the table: a header and a row per trial."""
    lines = ["trial,video,audio,labels,partition,subject"]
    for match in matches:
        cells = (match.trial, match.video, match.audio, match.labels, match.partition, match.subject)
        lines.append(",".join(_quoted(cell) for cell in cells))
    return "".join(f"{line}\n" for line in lines)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if re.search('[",;]', cell) else cell


def people(matches: Sequence[Match]) -> Mapping[str, list[str]]:
    """Return the trials of each subject."""
    found: dict[str, list[str]] = defaultdict(list)
    for match in matches:
        found[match.subject].append(match.trial)
    return found
