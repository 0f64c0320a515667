from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.clip import read_clip, write_clip
from pipeline.finetuning.tunable import load_tunable
from pipeline.finetuning.windows import ClipWindows
from pipeline.runtime.errors import InputError
from tests.finetuning.factory import TRAIN, TRAINING, make_clip, write_clips

FACES = {"visual": load_tunable("ir50")}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("windows") / "clips")


def test_windows_cover_every_frame_of_every_trial(clips: Path) -> None:
    windows = ClipWindows.cut(clips, TRAIN, training=TRAINING)
    assert len(windows) == len(windows.windows) > len(TRAIN)
    for trial in TRAIN:
        of_trial = [window for window in windows.windows if window.trial == trial]
        covered = {int(frame) for window in of_trial for frame in window.frames[window.mask]}
        assert covered == set(range(len(read_clip(clips / f"{trial}.h5"))))


def test_a_window_holds_the_faces_and_labels_of_its_frames(clips: Path) -> None:
    windows = ClipWindows.cut(clips, TRAIN, training=TRAINING)
    shown = 0
    for number, window in enumerate(windows.windows):
        clip = read_clip(clips / f"{window.trial}.h5")
        given = windows.read(number, FACES)
        (faces,) = given.excerpts["visual"]
        np.testing.assert_array_equal(faces, clip.faces[window.frames])
        np.testing.assert_array_equal(given.labels.numpy(), clip.labels[window.frames])
        shown += int(given.mask.sum())
    assert shown > 60


def test_compact_windows_hold_annotated_frames_alone(clips: Path) -> None:
    windows = ClipWindows.cut(clips, TRAIN, training=TRAINING.model_copy(update={"gaps": "compact"}))
    gaps = 0
    for number, window in enumerate(windows.windows):
        assert not windows.read(number, FACES).labels.isnan().any()
        gaps += int((np.diff(window.frames[window.mask]) > 1).sum())
    assert gaps > 0


def test_a_window_needs_two_annotated_frames(tmp_path: Path) -> None:
    labels = np.full((20, 2), np.nan, dtype=np.float32)
    labels[3] = 0.5
    for trial, last in (("one", 4), ("two", 5)):
        labels[4:last] = 0.1
        write_clip(tmp_path / f"{trial}.h5", make_clip(trial, frames=20, seed=0, labels=labels))
    windows = ClipWindows.cut(tmp_path, ("one", "two"), training=TRAINING)
    assert [windows.usable(number) for number in range(len(windows))] == [False, True]


def test_no_label_at_all_is_an_error(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.h5", make_clip("a", frames=20, seed=0, test=True))
    with pytest.raises(InputError, match="none of 1 training trials has an annotated frame"):
        ClipWindows.cut(tmp_path, ("a",), training=TRAINING)
