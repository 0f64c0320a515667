from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.training.frames import FrameTable, join_frames


def _inputs() -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    lengths = {"one": 4, "two": 6}
    features = {
        role: {trial: random.normal(size=(frames, width)).astype(np.float16) for trial, frames in lengths.items()}
        for role, width in (("visual", 3), ("audio", 2))
    }
    labels = {trial: random.normal(size=(frames, 2)).astype(np.float32) for trial, frames in lengths.items()}
    return features, labels


def test_rows_lead_back_to_each_trials_arrays() -> None:
    features, labels = _inputs()
    table = join_frames(features, labels, trials=("two", "one"))
    for trial in ("one", "two"):
        rows = table.rows(trial)
        assert np.array_equal(table.labels[rows], labels[trial])
        for role in ("visual", "audio"):
            assert np.array_equal(table.streams[role][rows], features[role][trial])


def test_a_saved_table_is_the_same_when_mapped(tmp_path: Path) -> None:
    table = join_frames(*_inputs(), trials=("one", "two"))
    table.save(tmp_path)
    again = FrameTable.open(tmp_path)
    assert again.trials == table.trials
    assert np.array_equal(again.labels, table.labels)
    assert list(again.streams) == ["visual", "audio"]
    assert [again.digest(trial) for trial in again.trials] == [table.digest(trial) for trial in table.trials]


def test_writing_into_a_mapped_table_leaves_the_file_alone(tmp_path: Path) -> None:
    join_frames(*_inputs(), trials=("one", "two")).save(tmp_path)
    FrameTable.open(tmp_path).labels[:] = 7
    assert not (FrameTable.open(tmp_path).labels == 7).any()


@pytest.mark.parametrize("what", ["feature", "label"])
def test_a_trials_digest_changes_with_its_own_content_only(what: str) -> None:
    features, labels = _inputs()
    before = join_frames(features, labels, trials=("one", "two"))
    if what == "feature":
        features["audio"]["two"][3, 1] += 1
    else:
        labels["two"][0, 0] = np.nan
    after = join_frames(features, labels, trials=("one", "two"))
    assert after.digest("one") == before.digest("one")
    assert after.digest("two") != before.digest("two")


def test_a_frame_is_annotated_when_all_its_targets_are() -> None:
    features, labels = _inputs()
    labels["one"][1, 1] = np.nan
    labels["one"][2] = np.nan
    table = join_frames(features, labels, trials=("one", "two"))
    assert table.labelled()[table.rows("one")].tolist() == [True, False, False, True]


def test_every_trial_whose_lengths_differ_is_listed() -> None:
    features, labels = _inputs()
    features["audio"]["one"] = features["audio"]["one"][:-1]
    labels["two"] = labels["two"][:-2]
    with pytest.raises(InputError) as caught:
        join_frames(features, labels, trials=("one", "two"))
    assert [problem.trial for problem in caught.value.problems] == ["one", "two"]
    assert "audio 3" in str(caught.value)
