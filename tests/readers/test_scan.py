"""Everything that is wrong with a corpus' files: each problem names the file, the row, the trial and a remedy."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.media.images import LARGEST_FILE
from pipeline.readers.index import survey
from pipeline.runtime.tables import LARGEST_LABELS
from tests.corpus_factory import (
    FRAMES,
    SERIAL,
    SIZE,
    TEST,
    TRAIN,
    VALIDATION,
    age,
    config_of,
    crop_bytes,
    memory_in,
    write_corpus,
)
from tests.media_factory import cut_off, write_video


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "corpus")
    age(tmp_path / "corpus")
    return tmp_path / "corpus"


def faults(root: Path, **changes: object) -> list[str]:
    found = survey(config_of(root, **changes), memory=memory_in(root.parent), executor=SERIAL).problems
    assert found
    return [str(problem) for problem in found]


def write(place: str, data: bytes) -> Callable[[Path], object]:
    return lambda root: (root / place).write_bytes(data)


def as_folder(place: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        (root / place).unlink()
        (root / place).mkdir()

    return change


def as_pipe(place: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        (root / place).unlink()
        os.mkfifo(root / place)

    return change


def claim(size: int) -> bytes:
    """Return a picture whose header claims to be of another size."""
    return crop_bytes(0).replace(SIZE.to_bytes(2, "big") * 2, size.to_bytes(2, "big") * 2)


LABELS = "annotations/VA_Set/Train_Set/7.txt"


@pytest.mark.parametrize(
    ("change", "start"),
    [
        (lambda root: (root / "raw_videos/7.mp4").unlink(), "raw_videos/7.mp4, trial 7: the video is missing"),
        (lambda root: shutil.rmtree(root / "cropped_aligned/7"), "cropped_aligned/7, trial 7: the trial has no images"),
        (
            lambda root: [path.unlink() for path in (root / "cropped_aligned/7").iterdir()],
            "cropped_aligned/7, trial 7: the trial has no images",
        ),
        (write(LABELS, b"valence,arousal\n0,0\n0;0\n"), f"{LABELS}:3, trial 7: 1 values where the header names 2"),
        (write(LABELS, b"valence,arousal\n0,0\n0,a\n"), f"{LABELS}:3, trial 7: not numbers"),
        (write(LABELS, b"valence,arousal\n0,0\n\n0,0\n"), f"{LABELS}:3, trial 7: 1 values where"),
        (write(LABELS, b"valence,arousal\n0,0\n0,0\n0,nan\n"), f"{LABELS}:4, trial 7: arousal is NaN"),
        (write(LABELS, b"valence,arousal\n-5.5,0\n"), f"{LABELS}:2, trial 7: valence -5.5 is outside [-1, 1]"),
        (write(LABELS, b"0.1,0.2\n0.1,0.2\n"), f"{LABELS}:1, trial 7: bad header"),
        (write(LABELS, b""), f"{LABELS}:1, trial 7: the file is empty"),
        (
            write("cropped_aligned/7/00003.jpg", crop_bytes(0, 20)),
            "cropped_aligned/7/00003.jpg, trial 7: 20 x 20 pixels where 16 x 16 are expected",
        ),
        (
            write("cropped_aligned/7/00003.jpg", crop_bytes(0)[:-20]),
            "cropped_aligned/7/00003.jpg, trial 7: the JPEG breaks off",
        ),
        (write("cropped_aligned/7/00003.jpg", b""), "cropped_aligned/7/00003.jpg, trial 7: neither JPEG nor PNG"),
        (write("cropped_aligned/7/3.jpg", crop_bytes(0)), "cropped_aligned/7/3.jpg, trial 7: not a 5-digit frame"),
        (write("cropped_aligned/7/00000.jpg", crop_bytes(0)), "cropped_aligned/7/00000.jpg, trial 7: not a 5-digit"),
        (write("cropped_aligned/7/00003.png", crop_bytes(0)), "cropped_aligned/7/00003.png, trial 7: the same frame"),
        (as_folder("raw_videos/7.mp4"), "raw_videos/7.mp4, trial 7: the video is not a file"),
        (as_folder(LABELS), f"{LABELS}, trial 7: the annotation is not a file"),
        (as_pipe("raw_videos/7.mp4"), "raw_videos/7.mp4, trial 7: the video is not a file"),
        (
            write("cropped_aligned/7/00003.jpg", claim(60_000)),
            "cropped_aligned/7/00003.jpg, trial 7: 60000 x 60000 pixels where 16 x 16 are expected",
        ),
        (
            lambda root: os.truncate(root / LABELS, LARGEST_LABELS + 1),
            f"{LABELS}, trial 7: {LARGEST_LABELS + 1} bytes, where at most {LARGEST_LABELS} are expected",
        ),
        (
            lambda root: os.truncate(root / "cropped_aligned/7/00003.jpg", LARGEST_FILE + 1),
            f"cropped_aligned/7/00003.jpg, trial 7: {LARGEST_FILE + 1} bytes, where at most",
        ),
        (write("raw_videos/7.mp4", b"nothing"), "raw_videos/7.mp4, trial 7: the file does not open"),
        (lambda root: cut_off(root / "raw_videos/7.mp4"), "raw_videos/7.mp4, trial 7: the file breaks off"),
        (lambda root: cut_off(root / "raw_videos/11.avi"), "raw_videos/11.avi, trial 11: the file breaks off"),
        (
            lambda root: write_video(root / "raw_videos/7.mp4", video=False),
            "raw_videos/7.mp4, trial 7: there is no video stream",
        ),
    ],
)
def test_each_problem_says_where(root: Path, change: Callable[[Path], object], start: str) -> None:
    change(root)
    found = faults(root)
    assert found[0].startswith(f"{root}/{start}")
    assert " -> " in found[0]
    assert {fault.split(": ")[0] for fault in found} == {found[0].split(": ")[0]}


def test_a_missing_folder_hides_no_other_problem_and_is_not_repeated(root: Path) -> None:
    shutil.rmtree(root / "raw_videos")
    (root / LABELS).write_text("valence,arousal\n0,x\n")
    first, second = faults(root)
    assert first.startswith(f"{root}/raw_videos: missing")
    assert second.startswith(f"{root}/{LABELS}:2")


def test_one_problem_for_many_pictures_of_the_same_wrong_size(root: Path) -> None:
    assert len(faults(root, image_size=112)) == len(TRAIN + VALIDATION + TEST)
    assert (
        f"16 x 16 pixels where 112 x 112 are expected, in {FRAMES} images: 1-{FRAMES}"
        in faults(root, image_size=112)[0]
    )


def test_many_broken_pictures_are_summed_up(root: Path) -> None:
    for number in range(1, 41):
        (root / f"cropped_aligned/7/{number:05d}.jpg").write_bytes(b"\xff\xd8")
    found = faults(root)
    assert len(found) == 21
    assert "20 more unreadable images: 21-40" in found[-1]


def test_a_video_of_two_people_is_checked_for_both(root: Path) -> None:
    write_video(root / "raw_videos/video3.mp4", video=False)
    assert sorted(fault.split(": ")[0].rpartition("trial ")[2] for fault in faults(root)) == [
        "video3_left",
        "video3_right",
    ]


def test_what_may_not_be_read_is_a_problem_until_it_may(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    age(root)
    original = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name in ("7.txt", "00003.jpg"):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    trials = len(TRAIN + VALIDATION + TEST)
    found = faults(root)
    assert any(f"{root}/{LABELS}, trial 7: cannot be read: Permission denied -> check the" in one for one in found)
    assert len(found) == 1 + trials
    assert all("cannot be read: Permission denied" in fault for fault in found)
    monkeypatch.undo()
    # The files are as old as before.
    assert survey(config_of(root), memory=memory_in(root.parent), executor=SERIAL).problems == ()
