"""Who appears in the demo corpus: videos, their trials, frame rates and the irregularities each one carries.

The names follow Aff-Wild2: `<id>-<fps>-<width>x<height>[-part]` or `video<n>`; `_left` and `_right` mark the subjects
of a two-subject video, one of whom may go without a suffix. The size and rate inside a name are those of a pretended
original, as in Aff-Wild2 itself, where only the container can be trusted. Most rates are half of those: a backbone sees
every frame, and the demo has to end within minutes on two cores.
"""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from pipeline.demo.config import TrialCounts


class Quirk(Enum):
    """One irregularity of a real corpus."""

    GAPS = "missing faces and un-annotated rows"
    LABELS_LONGER = "three more label rows than the video has frames"
    LABELS_SHORTER = "four label rows fewer than the video has frames"
    IMAGES_BEYOND = "two more images and rows than the video has frames"
    SAMPLE_DIFFERS = "the sample submission asks for another number of frames"


@dataclass(frozen=True)
class Video:
    """One video and the trials seen in it.

    Parameters
    ----------
    name : file name without its ending
    partition : `train`, `validation` or `test`
    rate : frames per second, or None for a variable frame rate
    trials : one name per subject with files in the corpus, from left to right
    subjects : one name per drawn person, from left to right; it seeds the looks and the voice
    quirks : what is irregular about every trial of the video
    position : its place within the partition, over which irregularities are spread evenly
    """

    name: str
    partition: str
    rate: Fraction | None
    trials: tuple[str, ...]
    subjects: tuple[str, ...]
    quirks: frozenset[Quirk]
    position: int


# name, frame rate, suffixes of the trials, quirks. The order matters: a smaller corpus takes the first ones.
_Entry = tuple[str, Fraction | None, tuple[str, ...], tuple[Quirk, ...]]
_ALONE = ("",)
_NTSC = Fraction(15000, 1001)  # every other frame of 29.97
_ROSTER: dict[str, tuple[_Entry, ...]] = {
    "train": (
        ("video59", Fraction(15), ("", "_right"), ()),
        ("12-30-1280x720", Fraction(30), _ALONE, (Quirk.GAPS,)),
        ("28-24-1920x1080-1", Fraction(12), _ALONE, (Quirk.LABELS_LONGER,)),
        ("28-24-1920x1080-2", Fraction(12), _ALONE, ()),
        ("video33", None, _ALONE, (Quirk.GAPS,)),
        ("104-30-640x480", _NTSC, _ALONE, ()),
        ("video18", Fraction(25), _ALONE, (Quirk.LABELS_SHORTER,)),
        ("61-15-1280x720", Fraction(15), _ALONE, (Quirk.GAPS,)),
        ("video7", Fraction(15), _ALONE, ()),
        ("83-25-1280x720", Fraction(25, 2), _ALONE, (Quirk.GAPS,)),
        ("video46", Fraction(12), _ALONE, ()),
        ("117-30-1280x720", Fraction(15), _ALONE, (Quirk.GAPS,)),
        ("video72", Fraction(15), _ALONE, ()),
        ("135-24-1920x1080", Fraction(24), _ALONE, (Quirk.GAPS,)),
        ("video90", Fraction(15), _ALONE, ()),
    ),
    "validation": (
        ("10-25-1280x720", Fraction(25, 2), ("_left", "_right"), (Quirk.GAPS,)),
        ("video64", Fraction(12), _ALONE, (Quirk.IMAGES_BEYOND,)),
        ("98-30-1280x720", _NTSC, _ALONE, ()),
        ("45-15-1280x720", Fraction(15), _ALONE, (Quirk.GAPS,)),
        ("video21", Fraction(15), _ALONE, ()),
    ),
    "test": (
        ("video5", Fraction(15), _ALONE, (Quirk.GAPS, Quirk.SAMPLE_DIFFERS)),
        ("36-24-1280x720-1", Fraction(12), _ALONE, ()),
        ("36-24-1280x720-2", Fraction(12), _ALONE, (Quirk.GAPS,)),
        ("video50", Fraction(25, 2), _ALONE, ()),
        ("120-15-1280x720", Fraction(15), _ALONE, (Quirk.GAPS,)),
        ("video84", Fraction(15), _ALONE, ()),
    ),
}
_EXTRA_RATES = (Fraction(25, 2), Fraction(15), Fraction(12), _NTSC)
_FIRST_EXTRA = {"train": 1000, "validation": 2000, "test": 3000}


def _subject(name: str) -> str:
    """Parts of one recording (`-1`, `-2` after the size) show the same person."""
    head, _, part = name.rpartition("-")
    return head if part.isdigit() and "x" in head else name


def _partition(partition: str, count: int) -> list[Video]:
    videos: list[Video] = []
    left = count
    entries = list(_ROSTER[partition])
    while left > 0:
        index = len(videos)
        if index < len(entries):
            name, rate, suffixes, quirks = entries[index]
        else:
            rate = _EXTRA_RATES[index % len(_EXTRA_RATES)]
            name, suffixes, quirks = f"video{_FIRST_EXTRA[partition] + index}", _ALONE, (Quirk.GAPS,) * (index % 2)
        videos.append(
            Video(
                name=name,
                partition=partition,
                rate=rate,
                trials=tuple(name + suffix for suffix in suffixes[:left]),
                subjects=tuple(_subject(name) + suffix for suffix in suffixes),
                quirks=frozenset(quirks),
                position=index,
            )
        )
        left -= len(videos[-1].trials)
    return videos


def cast(counts: TrialCounts) -> list[Video]:
    """List the videos of a corpus with `counts` trials; partitions share no subject, a smaller one is a prefix."""
    return [
        video
        for partition in ("train", "validation", "test")
        for video in _partition(partition, getattr(counts, partition))
    ]
