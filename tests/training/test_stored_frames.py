"""Frames from stores and clips: known by digests, read trial by trial, and only where a fold is missing."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.clip import write_clip
from pipeline.features.store import Features, FeatureStore, write_trial
from pipeline.features.trial_file import FILE
from pipeline.runtime.errors import InputError
from pipeline.runtime.items import ItemCache
from pipeline.training import stored_frames
from pipeline.training.frames import FrameTable
from pipeline.training.stored_frames import StoredFrames
from pipeline.training.table_files import TrialFrames
from stages import train
from tests.stages.test_evaluate import LENGTHS, clip, embedding, labels
from tests.stages.test_views import start_project

STREAMS = ("ir50", "vggish")
STORE = Path("data/features/ir50.zarr")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return start_project(tmp_path, monkeypatch)


def write_group(trial: str, *, black: int | None = None) -> None:
    """Write a trial's features again, with one frame without a face."""
    valid = np.ones(LENGTHS[trial], dtype=bool)
    frames = embedding(trial, "vggish")
    if black is not None:
        valid[black], frames[black] = False, 30
    item = Path("item")
    write_trial(item, embedding=frames, time=np.arange(len(valid)) / 25, valid=valid, store="float16", attributes={})
    (item / FILE).replace(f"data/features/vggish.zarr/{trial}.zip")


def test_the_table_holds_what_stores_and_clips_hold(project: Path) -> None:
    folder = project / "table"
    folder.mkdir()
    frames = StoredFrames.of(STREAMS, ["c", "a"])
    frames.save(folder)
    table = FrameTable.open(folder)
    assert frames.roles == table.roles == ("visual", "audio")
    for trial in ("a", "c"):
        rows = table.rows(trial)
        np.testing.assert_array_equal(table.streams["visual"][:, rows], FeatureStore.open(STORE).read(trial).embedding)
        np.testing.assert_array_equal(table.streams["audio"][rows], embedding(trial, "vggish"))
        np.testing.assert_array_equal(table.labels[rows], labels(trial))
    alone = frames.only("visual")
    assert alone.roles == ("visual",)
    assert len({frames.digest("a"), frames.digest("c"), alone.digest("a")}) == 3


def test_one_trial_is_in_memory_at_a_time(project: Path) -> None:
    folder = project / "table"
    folder.mkdir()
    trials = ["a", "b", "c"]
    frames = StoredFrames.of(STREAMS, trials)
    held: list[int] = []

    def read(self: StoredFrames, trial: str) -> TrialFrames:
        held.append(tracemalloc.get_traced_memory()[0])
        big = np.ones((LENGTHS[trial], 50_000), dtype=np.float16)
        return TrialFrames({"audio": big}, labels(trial))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StoredFrames, "_read", read)
        tracemalloc.start()
        frames.only("audio").save(folder)
        tracemalloc.stop()
    assert len(held) == 3
    largest = 100_000 * max(LENGTHS[trial] for trial in trials)
    assert (folder / "stream_audio.npy").stat().st_size > 1.9 * largest
    assert held[2] - held[0] < 1.3 * largest + 10 * 2**20


def test_a_cached_training_opens_no_array(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train.main()
    before = sorted(path.read_bytes() for path in Path("models/grjca").iterdir())
    assert not list((ItemCache().root / "tmp").glob("*")), "the table is gone"

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an array was opened")

    for name in ("read", "read_valid"):
        monkeypatch.setattr(FeatureStore, name, refuse)
    monkeypatch.setattr(stored_frames, "read_clip", refuse)
    train.main()
    assert sorted(path.read_bytes() for path in Path("models/grjca").iterdir()) == before


def test_labels_that_are_not_those_of_the_manifest_are_refused(project: Path) -> None:
    (project / "data/clips/b.h5").unlink()
    write_clip(project / "data/clips/b.h5", clip("c"))
    with pytest.raises(InputError, match=r"data/clips/b.h5, trial b: its content is not what .*manifest.csv says"):
        train.main()


def test_features_that_are_not_those_of_the_store_are_refused(project: Path) -> None:
    write_group("b", black=3)
    with pytest.raises(InputError, match=r"vggish.zarr/b.zip, trial b: damaged: it is not what"):
        train.main()


def test_the_missing_faces_embedding_comes_from_the_first_trial_that_has_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = StoredFrames.of(STREAMS, ["a", "b", "c"])
    assert frames.missing == {}
    read, opened = FeatureStore.read, []

    def valid(self: FeatureStore, trial: str) -> np.ndarray:
        faces = np.ones(LENGTHS[trial], dtype=bool)
        faces[5:6] = trial != "b"
        return faces

    def noted(self: FeatureStore, trial: str) -> Features:
        opened.append(trial)
        found = read(self, trial)
        return Features(found.embedding, found.time, valid(self, trial))

    monkeypatch.setattr(FeatureStore, "read_valid", valid)
    monkeypatch.setattr(FeatureStore, "read", noted)
    frames = StoredFrames.of(STREAMS, ["a", "b", "c"])
    assert list(frames.missing) == list(frames.only("visual").missing) == ["visual"]
    np.testing.assert_array_equal(frames.missing["visual"], embedding("b", "ir50")[5])
    assert set(opened) == {"b"}, "only the trial that has such a frame is read"
    assert frames.only("audio").missing == {}


def test_every_trial_whose_streams_differ_in_length_is_listed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project / "table"
    folder.mkdir()
    read = FeatureStore.read

    def shorter(self: FeatureStore, trial: str) -> Features:
        found = read(self, trial)
        cut = found.embedding[..., :-1, :] if trial != "b" and self.path == STORE else found.embedding
        return Features(cut, found.time, found.valid)

    monkeypatch.setattr(FeatureStore, "read", shorter)
    with pytest.raises(InputError) as caught:
        StoredFrames.of(STREAMS, ["a", "b", "c"]).save(folder)
    assert [problem.trial for problem in caught.value.problems] == ["a", "c"]


def test_a_fold_of_trials_without_a_clip_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match=r"trial x: not in the manifest"):
        StoredFrames.of(STREAMS, ["a", "x"])
