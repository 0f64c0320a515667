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


def test_compact_windows_hold_the_frames_on_which_any_target_is_annotated(clips: Path) -> None:
    windows = ClipWindows.cut(clips, TRAIN, training=TRAINING.model_copy(update={"gaps": "compact"}))
    gaps = partly = 0
    for number, window in enumerate(windows.windows):
        labels = windows.read(number, FACES).labels
        assert not labels.isnan().all(dim=1).any()
        gaps += int((np.diff(window.frames[window.mask]) > 1).sum())
        partly += int(labels.isnan().any(dim=1).sum())
    assert gaps > 0
    assert partly > 0
    for trial in TRAIN:
        covered = {int(frame) for window in windows.windows if window.trial == trial for frame in window.frames}
        annotated = ~np.isnan(read_clip(clips / f"{trial}.h5").labels).all(axis=1)
        assert sorted(covered) == np.flatnonzero(annotated).tolist()


def test_a_window_needs_two_annotated_frames_of_a_target(tmp_path: Path) -> None:
    labels = np.full((20, 2), np.nan, dtype=np.float32)
    labels[3] = 0.5
    for trial, last in (("one", 4), ("two", 5)):
        labels[4:last, 1] = 0.1
        write_clip(tmp_path / f"{trial}.h5", make_clip(trial, frames=20, seed=0, labels=labels))
    # Frames that repeat the last one as padding do not count.
    labels[-1] = 0.3
    write_clip(tmp_path / "three.h5", make_clip("three", frames=12, seed=0, labels=labels[-12:]))
    windows = ClipWindows.cut(tmp_path, ("one", "two", "three"), training=TRAINING)
    assert [windows.usable(number).tolist() for number in range(len(windows))] == [
        [False, False],
        [False, True],
        [False, False],
    ]


def test_targets_without_any_label_are_an_error(tmp_path: Path) -> None:
    labels = np.full((20, 2), np.nan, dtype=np.float32)
    write_clip(tmp_path / "a.h5", make_clip("a", frames=20, seed=0, labels=labels))
    with pytest.raises(InputError) as caught:
        ClipWindows.cut(tmp_path, ("a",), training=TRAINING)
    assert [problem.message for problem in caught.value.problems] == [
        f"{target} is annotated in none of 1 training trials" for target in ("valence", "arousal")
    ]
    labels[3:9, 0] = 0.2
    write_clip(tmp_path / "a.h5", make_clip("a", frames=20, seed=0, labels=labels))
    with pytest.raises(InputError, match="arousal is annotated in none of 1 training trials"):
        ClipWindows.cut(tmp_path, ("a",), training=TRAINING)
