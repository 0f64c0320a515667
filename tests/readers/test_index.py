import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.readers import scan
from pipeline.readers.crops import check_crops
from pipeline.readers.index import IndexRow, build_index, is_stale, survey, write_index
from pipeline.runtime.errors import InputError
from pipeline.runtime.executor import Executor
from tests.corpus_factory import (
    FRAMES,
    LONG_AGO,
    SERIAL,
    TEST,
    TRAIN,
    VALIDATION,
    age,
    config_of,
    crop_bytes,
    memory_in,
    write_corpus,
    write_trial,
)
from tests.media_factory import write_video


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "corpus")
    age(tmp_path / "corpus")
    return tmp_path / "corpus"


def build(root: Path, **changes: object) -> tuple[IndexRow, ...]:
    return build_index(config_of(root, **changes), memory=memory_in(root.parent), executor=SERIAL)


def faults(root: Path, **changes: object) -> list[str]:
    found = survey(config_of(root, **changes), memory=memory_in(root.parent), executor=SERIAL).problems
    assert found
    return [str(problem) for problem in found]


def test_rows(root: Path) -> None:
    rows = build(root)
    assert [row.trial for row in rows] == sorted(TRAIN + VALIDATION + TEST)
    row = {row.trial: row for row in rows}["video3_left"]
    assert (row.partition, row.subject, row.n_images) == ("train", "video3", FRAMES)
    assert row.video == "raw_videos/video3.mp4"
    assert row.images == "cropped_aligned/video3_left"
    assert row.annotation == "annotations/VA_Set/Train_Set/video3_left.txt"
    trial = row.locate(root)
    assert trial.video.is_file()
    assert trial.images is not None
    assert trial.images.is_dir()
    assert trial.annotation
    assert trial.annotation.is_file()
    assert {row.trial: row for row in rows}["12_left"].locate(root).annotation is None


def test_the_file_is_the_same_whoever_builds_it(root: Path, tmp_path: Path) -> None:
    write_index(tmp_path / "one.csv", build(root))
    shutil.copytree(root, tmp_path / "elsewhere" / "corpus")
    rows = build(tmp_path / "elsewhere" / "corpus")
    write_index(tmp_path / "two.csv", tuple(reversed(rows)))
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert b"\r" not in (tmp_path / "one.csv").read_bytes()
    assert str(tmp_path) not in (tmp_path / "one.csv").read_text()


@pytest.mark.slow
def test_processes_find_the_same(root: Path) -> None:
    parallel = Executor(engine="processes", workers=2)
    assert build_index(config_of(root), memory=memory_in(root.parent), executor=parallel) == build(root)


def touch(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


@pytest.mark.parametrize(
    ("change", "trials"),
    [
        (lambda root: (root / "annotations/VA_Set/Train_Set/7.txt").write_text("valence,arousal\n0,0\n"), {"7"}),
        (lambda root: (root / "cropped_aligned/7/00002.jpg").write_bytes(crop_bytes(9)), {"7"}),
        (lambda root: (root / "cropped_aligned/7/00002.jpg").unlink(), {"7"}),
        (lambda root: (root / "cropped_aligned/7/00002.jpg").rename(root / "cropped_aligned/7/00099.jpg"), {"7"}),
        (lambda root: write_video(root / "raw_videos/video3.mp4", frames=9), {"video3_left", "video3_right"}),
    ],
)
def test_a_digest_changes_with_its_contents_alone(
    root: Path, change: Callable[[Path], object], trials: set[str]
) -> None:
    before = {row.trial: row.digest for row in build(root)}
    age(root, by=60)
    assert {row.trial: row.digest for row in build(root)} == before
    change(root)
    after = {row.trial: row.digest for row in build(root)}
    assert {trial for trial in before if before[trial] != after[trial]} == trials


def test_unchanged_files_are_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def counting(path: Path, *args: object, original: Callable[..., object] = check_crops) -> object:
        reads.append(path)
        return original(path, *args)

    monkeypatch.setattr(scan, "check_crops", counting)
    first = build(root)
    assert len(reads) == len(TRAIN + VALIDATION + TEST)
    reads.clear()
    assert build(root) == first
    assert reads == []
    (root / "cropped_aligned/7/00001.jpg").write_bytes(crop_bytes(8))
    os.utime(root / "cropped_aligned/7/00001.jpg", (LONG_AGO + 5, LONG_AGO + 5))
    build(root)
    assert reads == [root / "cropped_aligned/7"]


def test_a_file_that_changed_just_now_is_not_trusted(root: Path) -> None:
    # Twice within one tick of the clock, with the same size: size and time tell nothing.
    path = root / "annotations/VA_Set/Train_Set/7.txt"
    path.write_text("valence,arousal\n0,0\n")
    stat = path.stat()
    before = {row.trial: row.digest for row in build(root)}
    path.write_text("valence,arousal\n1,0\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert {row.trial: row.digest for row in build(root)}["7"] != before["7"]


def test_problems_are_remembered_too(root: Path) -> None:
    (root / "annotations/VA_Set/Train_Set/7.txt").write_text("valence,arousal\n0,x\n")
    age(root)
    assert faults(root) == faults(root)
    assert len(faults(root)) == 1


def test_all_problems_at_once_and_nothing_written(root: Path) -> None:
    (root / "annotations/VA_Set/Train_Set/7.txt").write_text("valence,arousal\n0,x\n0,0\n3,0\n")
    (root / "cropped_aligned/11/00003.jpg").write_bytes(crop_bytes(0, 20))
    (root / "raw_videos/video4.mp4").unlink()
    (root / "annotations/VA_Set/Validation_Set/7.txt").write_text("valence,arousal\n0,0\n")
    with pytest.raises(InputError) as caught:
        build(root)
    assert len(caught.value.problems) == 5
    assert not Path(config_of(root).index).exists()


def test_staleness(root: Path) -> None:
    config = config_of(root)

    def stale() -> str:
        return str(is_stale(config, memory=memory_in(root.parent), executor=SERIAL))

    assert stale().startswith(f"{len(TRAIN + VALIDATION + TEST)} appeared")
    write_index(Path(config.index), build(root))
    assert stale() == "the index matches the corpus"
    assert not is_stale(config, memory=memory_in(root.parent), executor=SERIAL)
    (root / "annotations/VA_Set/Train_Set/7.txt").write_text("valence,arousal\n0,0\n")
    (root / "annotations/VA_Set/Validation_Set/11.txt").unlink()
    write_trial(root, "new", "Train_Set", video="new")
    assert stale() == "1 changed (7); 1 appeared (new); 1 vanished (11)"
