import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.media.images import LARGEST_FILE
from pipeline.readers import scan
from pipeline.readers.crops import check_crops
from pipeline.readers.index import IndexRow, build_index, is_stale, read_index, validate, write_index
from pipeline.runtime.errors import InputError
from pipeline.runtime.executor import Executor
from pipeline.runtime.tables import LARGEST_LABELS
from tests.corpus_factory import (
    FRAMES,
    LONG_AGO,
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
    write_trial,
)
from tests.media_factory import cut_off, write_video


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "corpus")
    age(tmp_path / "corpus")
    return tmp_path / "corpus"


def build(root: Path, **changes: object) -> tuple[IndexRow, ...]:
    return build_index(config_of(root, **changes), memory=memory_in(root.parent), executor=SERIAL)


def faults(root: Path, **changes: object) -> list[str]:
    found = validate(config_of(root, **changes), memory=memory_in(root.parent), executor=SERIAL)
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


# One test per kind of problem: each names the file, the row where there is one, the trial and a remedy.
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
            lambda root: write_video(root / "raw_videos/7.mp4", audio=False),
            "raw_videos/7.mp4, trial 7: there is no audio stream",
        ),
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
    write_video(root / "raw_videos/video3.mp4", audio=False)
    assert sorted(fault.split(": ")[0].rpartition("trial ")[2] for fault in faults(root)) == [
        "video3_left",
        "video3_right",
    ]


def test_staleness(root: Path) -> None:
    config = config_of(root)

    def stale() -> str:
        return str(is_stale(config, memory=memory_in(root.parent), executor=SERIAL))

    assert stale().startswith(f"{len(TRAIN + VALIDATION + TEST)} appeared")
    write_index(Path(config.index), build(root))
    assert stale() == "the index matches the corpus"
    assert not is_stale(config, memory=memory_in(root.parent), executor=SERIAL)
    (root / LABELS).write_text("valence,arousal\n0,0\n")
    (root / "annotations/VA_Set/Validation_Set/11.txt").unlink()
    write_trial(root, "new", "Train_Set", video="new")
    assert stale() == "1 changed (7); 1 appeared (new); 1 vanished (11)"


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"index\.csv: missing -> run `affectflow index`"):
        read_index(tmp_path / "index.csv")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1,train,1,v,,c,a,3", ":3: 8 columns instead of 9"),
        ("1,dev,1,v,,c,a,3,d", ":3: unknown partition 'dev'"),
        ("1,train,1,v,,c,a,x,d", ":3: 'x' is no number of images"),
        ("0,train,1,v,,c,a,3,d", ":3: trial 0 a second time"),
    ],
)
def test_an_index_with_a_bad_row(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "index.csv"
    write_index(path, [IndexRow("0", "train", "0", "v", "", "c", "a", 3, "d")])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=fault):
        read_index(path)


def test_an_index_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("trial,video\n1,2\n")
    with pytest.raises(InputError, match=r"index\.csv:1: the header is not trial,partition"):
        read_index(tmp_path / "index.csv")


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
    assert validate(config_of(root), memory=memory_in(root.parent), executor=SERIAL) == ()
