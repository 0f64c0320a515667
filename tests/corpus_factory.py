"""A tiny corpus in Aff-Wild2's layout, of real media files, for tests of everything that reads one."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from pipeline.corpora.config import AffWild2Config
from pipeline.readers.memory import FileMemory
from pipeline.runtime.executor import Executor
from tests.media_factory import picture, write_video

SIZE = 16
FRAMES = 12
SERIAL = Executor(engine="serial")
LONG_AGO = 1_700_000_000

TRAIN = ("10-30-640x480-1", "10-30-640x480-2", "video3_left", "video3_right", "7")
VALIDATION = ("11", "video4")
TEST = ("12_left",)


@cache
def video_bytes(suffix: str = ".mp4", frames: int = FRAMES) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        sound = "aac" if suffix == ".mp4" else "pcm_s16le"
        return write_video(Path(folder) / f"v{suffix}", frames=frames, sound_codec=sound).read_bytes()


@cache
def crop_bytes(seed: int, size: int = SIZE) -> bytes:
    return picture(size, seed=seed)


def labels_text(rows: int = FRAMES, *, step: float = 0.01) -> str:
    return "".join(["valence,arousal\n", *(f"{row * step:.3f},{-row * step:.3f}\n" for row in range(rows))])


def write_trial(
    root: Path,
    trial: str,
    folder: str | None,
    *,
    video: str,
    rows: int = FRAMES,
    images: Sequence[int] = range(1, FRAMES + 1),
    suffix: str = ".mp4",
    va: str = "annotations/VA_Set",
    crops: str = "cropped_aligned",
    videos: str = "raw_videos",
) -> None:
    if folder:
        path = root / va / folder / f"{trial}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(labels_text(rows))
    (root / crops / trial).mkdir(parents=True, exist_ok=True)
    for number in images:
        (root / crops / trial / f"{number:05d}.jpg").write_bytes(crop_bytes(number % 5))
    (root / videos).mkdir(parents=True, exist_ok=True)
    (root / videos / f"{video}{suffix}").write_bytes(video_bytes(suffix))


def write_corpus(root: Path) -> AffWild2Config:
    """Write a corpus without a fault: two parts of one recording, two-subject videos, a test set."""
    for trial in TRAIN:
        write_trial(root, trial, "Train_Set", video=trial.removesuffix("_left").removesuffix("_right"))
    for trial in VALIDATION:
        write_trial(root, trial, "Validation_Set", video=trial, suffix=".avi" if trial == "11" else ".mp4")
    for trial in TEST:
        write_trial(root, trial, None, video=trial.removesuffix("_left"))
    (root / "test_set_VA_Challenge.txt").write_text("".join(f"{trial}\n" for trial in TEST))
    return config_of(root)


def config_of(root: Path, **changes: object) -> AffWild2Config:
    values: Mapping[str, object] = {
        "kind": "affwild2",
        "root": str(root),
        "index": str(root.parent / "index.csv"),
        "image_size": SIZE,
        **changes,
    }
    return AffWild2Config.model_validate(values)


def memory_in(folder: Path) -> FileMemory:
    return FileMemory(folder / "memory")


def age(root: Path, *, by: int = 0) -> None:
    """Make every file long finished, so that the memory trusts it."""
    for path in files(root):
        os.utime(path, (LONG_AGO + by, LONG_AGO + by))


def files(root: Path) -> Iterator[Path]:
    yield from (path for path in root.rglob("*") if path.is_file())
