from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.clip import read_clip, write_clip
from pipeline.finetuning.passages import Passages
from pipeline.finetuning.tunable import load_tunable
from pipeline.runtime.errors import InputError
from tests.finetuning.factory import TRAIN, TRAINING, make_clip, write_clips

FACES = {"visual": load_tunable("ir50")}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("passages") / "clips")


def test_windows_cover_every_frame_of_every_trial(clips: Path) -> None:
    passages = Passages.cut(clips, TRAIN, training=TRAINING)
    assert len(passages) == len(passages.places) > len(TRAIN)
    for trial in TRAIN:
        places = [place for place in passages.places if place.trial == trial]
        covered = {int(frame) for place in places for frame in place.frames[place.mask]}
        assert covered == set(range(len(read_clip(clips / f"{trial}.h5"))))


def test_a_passage_holds_what_its_clip_shows_and_says(clips: Path) -> None:
    passages = Passages.cut(clips, TRAIN, training=TRAINING)
    shown = 0
    for window, place in enumerate(passages.places):
        clip = read_clip(clips / f"{place.trial}.h5")
        passage = passages.read(window, FACES)
        (faces,) = passage.excerpts["visual"]
        np.testing.assert_array_equal(faces, clip.faces[place.frames])
        np.testing.assert_array_equal(passage.labels.numpy(), clip.labels[place.frames])
        shown += int(passage.mask.sum())
    assert shown > 60


def test_compact_windows_hold_annotated_frames_alone(clips: Path) -> None:
    passages = Passages.cut(clips, TRAIN, training=TRAINING.model_copy(update={"gaps": "compact"}))
    gaps = 0
    for window, place in enumerate(passages.places):
        assert not passages.read(window, FACES).labels.isnan().any()
        gaps += int((np.diff(place.frames[place.mask]) > 1).sum())
    assert gaps > 0


def test_a_window_needs_two_annotated_frames(tmp_path: Path) -> None:
    labels = np.full((20, 2), np.nan, dtype=np.float32)
    labels[3] = 0.5
    for trial, last in (("one", 4), ("two", 5)):
        labels[4:last] = 0.1
        write_clip(tmp_path / f"{trial}.h5", make_clip(trial, frames=20, seed=0, labels=labels))
    passages = Passages.cut(tmp_path, ("one", "two"), training=TRAINING)
    assert [passages.usable(window) for window in range(len(passages))] == [False, True]


def test_no_label_at_all_is_an_error(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.h5", make_clip("a", frames=20, seed=0, test=True))
    with pytest.raises(InputError, match="none of 1 training trials has an annotated frame"):
        Passages.cut(tmp_path, ("a",), training=TRAINING)
