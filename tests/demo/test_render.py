import csv
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline.corpora.config import AffWild2Config
from pipeline.demo import layout
from pipeline.demo.plan import plan, trial_files
from pipeline.demo.render import SAMPLE_SURPLUS, render_corpus
from pipeline.demo.roster import cast
from pipeline.readers.index import build_index
from pipeline.readers.memory import FileMemory
from pipeline.runtime.executor import Executor
from tests.demo.factory import SMALL, small

TRIALS = ["10-25-1280x720_left", "10-25-1280x720_right", "12-30-1280x720", "video5", "video59", "video59_right"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "corpus"
    render_corpus(small(), folder, Executor(engine="serial"))
    return folder


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_bytes_depend_on_no_number_of_workers(root: Path, tmp_path: Path) -> None:
    render_corpus(small(), tmp_path / "again", Executor(engine="processes", workers=2))
    again, first = contents(tmp_path / "again"), contents(root)
    assert len(first) > 250  # six trials of three seconds, most of them at 12 to 15 frames per second
    assert again.keys() == first.keys()
    assert [name for name in first if again[name] != first[name]] == []


def test_the_reader_of_aff_wild2_accepts_it(root: Path, tmp_path: Path) -> None:
    config = AffWild2Config(
        kind="affwild2", root=str(root), index=str(tmp_path / "i.csv"), image_size=SMALL["crop_size"]
    )
    rows = build_index(config, memory=FileMemory(tmp_path), executor=Executor(engine="serial"))
    assert [row.trial for row in rows] == TRIALS
    assert [row.partition for row in rows] == ["validation"] * 2 + ["train", "test"] + ["train"] * 2
    assert [row.annotation == "" for row in rows] == [row.partition == "test" for row in rows]


def test_videos_last_as_long_as_planned(root: Path) -> None:
    for video in cast(small().trials):
        script = plan(small(), video)
        with av.open(str(layout.video_path(root, video.name))) as container:
            times = [float(frame.time) for frame in container.decode(video=0)]
        assert times == pytest.approx(script.times.tolist(), abs=1e-4)
        with av.open(str(layout.video_path(root, video.name))) as container:
            heard = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
        assert heard == pytest.approx(script.seconds, abs=0.1)


def test_lost_faces_have_no_image_and_all_others_do(root: Path) -> None:
    lost = 0
    for video in cast(small().trials):
        for place, trial in enumerate(video.trials):
            files = trial_files(small(), plan(small(), video), place)
            found = {int(path.stem) - 1 for path in (root / layout.CROPS / trial).glob("*.jpg")}
            assert found == set(range(files.images)) - files.missing
            lost += len(files.missing)
    assert lost > 0


def test_crops_are_the_aligned_face_of_the_video(root: Path) -> None:
    crop = cv2.imread(str(root / layout.CROPS / "video5/00001.jpg"))
    assert crop is not None
    assert crop.shape == (SMALL["crop_size"], SMALL["crop_size"], 3)
    folders = [root / layout.CROPS / f"10-25-1280x720_{side}" for side in ("left", "right")]
    shared = sorted({path.name for path in folders[0].iterdir()} & {path.name for path in folders[1].iterdir()})
    left, right = (cv2.imread(str(folder / shared[0])) for folder in folders)
    assert left is not None
    assert right is not None
    assert np.abs(left.astype(int) - right).mean() > 5


def test_the_voice_is_gone_where_the_sound_is_useless(root: Path) -> None:
    with (root / layout.SEGMENTS).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["modality"] for row in rows} == {"visual", "audio"}
    scripts = {trial: plan(small(), video) for video in cast(small().trials) for trial in video.trials}
    for row in rows:
        assert 0 <= int(row["start_frame"]) < int(row["end_frame"]) <= len(scripts[row["trial"]].ticks)
    silent = [row for row in rows if row["kind"] == "silence"]
    assert silent
    for row in silent:
        script = scripts[row["trial"]]
        with av.open(str(layout.video_path(root, script.video.name))) as container:
            sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        start, end = (int(script.times[int(row[key]) - 1] * 16000) for key in ("start_frame", "end_frame"))
        assert sound[start + 2500 : end - 2500].std() < 0.05 * sound.std()


def test_test_trials_have_a_list_a_sample_and_hidden_labels_only(root: Path) -> None:
    assert (root / layout.TEST_LIST).read_text() == "video5\n"
    frames = len(plan(small(), cast(small().trials)[-1]).ticks)
    assert len((root / layout.SAMPLE).read_text().splitlines()) == 1 + frames + SAMPLE_SURPLUS
    truth = np.loadtxt(root / "test_truth/video5.txt", delimiter=",", skiprows=1)
    assert truth.shape == (frames, 2)
    assert np.abs(truth).max() <= 1
    assert [path.name for path in root.glob("annotations/**/video5.*")] == []


def test_a_folder_in_use_is_refused(root: Path) -> None:
    with pytest.raises(FileExistsError, match="not empty"):
        render_corpus(small(), root, Executor(engine="serial"))
