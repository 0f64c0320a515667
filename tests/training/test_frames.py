from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from pipeline.models.standardise import Standardise
from pipeline.models.windows import kept_frames
from pipeline.runtime.errors import InputError
from pipeline.training.frames import FrameTable, join_frames
from pipeline.training.table_files import TableWriter, TrialFrames


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
    assert again.missing == {}


@pytest.mark.parametrize("gaps", ["mask", "compact"])
def test_the_moments_of_a_saved_table_are_those_of_the_frames_that_are_looked_at(
    tmp_path: Path, gaps: Literal["mask", "compact"]
) -> None:
    features, labels = _views()
    labels["two"][1:4] = labels["one"][:, 1] = np.nan
    join_frames(features, labels, trials=("two", "one"), views=VIEWS).save(tmp_path)
    table = FrameTable.open(tmp_path)
    for role, views in (("visual", features["visual"]), ("audio", {t: x[None] for t, x in features["audio"].items()})):
        moments = list(table.moments(role, ("one", "two"), gaps=gaps))
        kept = {trial: kept_frames(labels[trial], gaps=gaps) for trial in ("one", "two")}
        frames = np.concatenate([view[kept[trial]] for trial in kept for view in views[trial]]).astype(np.float64)
        assert (
            sum(one.count for one in moments) == len(frames) == (4 + (6 if gaps == "mask" else 3)) * len(views["one"])
        )
        fitted = Standardise.from_moments(moments, kind="per_dimension")
        np.testing.assert_allclose(fitted.mean.numpy(), frames.mean(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(fitted.std.numpy(), frames.std(axis=0), rtol=1e-5)


def test_a_trial_of_another_width_than_those_before_is_refused(tmp_path: Path) -> None:
    features, labels = _inputs()
    frames = {trial: TrialFrames({"audio": features["audio"][trial]}, labels[trial]) for trial in labels}
    frames["two"] = TrialFrames({"audio": features["visual"]["two"]}, labels["two"])
    with TableWriter(tmp_path, {"one": 4, "two": 6}, views={}) as writer:
        writer.add(frames["one"])
        with pytest.raises(ValueError, match=r"trial two: audio is float16 of shape \(1, 6, 3\), .* of width 2"):
            writer.add(frames["two"])
    assert not (tmp_path / "trials.json").exists(), "what is not finished is no table"


def test_a_missing_faces_embedding_is_saved_with_the_table_and_its_stream(tmp_path: Path) -> None:
    black = np.array([1, 2, 3], dtype=np.float16)
    join_frames(*_inputs(), trials=("one", "two"), missing={"visual": black}).save(tmp_path)
    again = FrameTable.open(tmp_path)
    assert np.array_equal(again.missing["visual"], black)
    assert list(again.only("visual").missing) == ["visual"]
    assert again.only("audio").missing == {}


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


def test_every_trial_whose_lengths_differ_is_listed() -> None:
    features, labels = _inputs()
    features["audio"]["one"] = features["audio"]["one"][:-1]
    labels["two"] = labels["two"][:-2]
    with pytest.raises(InputError) as caught:
        join_frames(features, labels, trials=("one", "two"))
    assert [problem.trial for problem in caught.value.problems] == ["one", "two"]
    assert "audio 3" in str(caught.value)


VIEWS = {"visual": ("centre", "centre_flipped"), "audio": ("centre",)}


def _views() -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    features, labels = _inputs()
    features["visual"] = {trial: np.stack([x, -x]) for trial, x in features["visual"].items()}
    return features, labels


def test_views_lie_one_after_the_other_each_in_one_piece(tmp_path: Path) -> None:
    features, labels = _views()
    join_frames(features, labels, trials=("two", "one"), views=VIEWS).save(tmp_path)
    table = FrameTable.open(tmp_path)
    assert table.views == {"visual": ("centre", "centre_flipped")}
    assert table.streams["visual"].shape == (2, 10, 3)
    assert table.streams["visual"].flags.c_contiguous
    for trial in ("one", "two"):
        for place in (0, 1):
            view = table.streams["visual"][place]
            assert np.array_equal(view[table.rows(trial)], features["visual"][trial][place])
    assert table.streams["audio"].shape == (10, 2)
    alone = table.only("visual")
    assert (list(alone.streams), alone.views) == (["visual"], {"visual": ("centre", "centre_flipped")})
    assert table.only("audio").views == {}


def test_every_view_and_its_name_reach_the_digest() -> None:
    features, labels = _views()
    before = join_frames(features, labels, trials=("one", "two"), views=VIEWS)
    renamed = VIEWS | {"visual": ("centre", "top_left")}
    assert join_frames(features, labels, trials=("one", "two"), views=renamed).digest("one") != before.digest("one")
    features["visual"]["two"][1, 0, 0] += 1
    after = join_frames(features, labels, trials=("one", "two"), views=VIEWS)
    assert after.digest("one") == before.digest("one")
    assert after.digest("two") != before.digest("two")


def test_the_digest_of_one_view_is_what_it_was_before_there_were_views() -> None:
    ones = {"one": np.ones((4, 3), dtype=np.float16)}
    table = join_frames({"visual": ones}, {"one": np.zeros((4, 2))}, trials=("one",), views={"visual": ("centre",)})
    assert table.digest("one") == "bf8a4199ad6321a3df2528d81b25e3078d4800823201e2ec763259fb21c9af2a"


def test_features_that_lack_their_views_are_listed() -> None:
    features, labels = _views()
    features["visual"]["one"] = features["visual"]["one"][0]
    with pytest.raises(InputError) as caught:
        join_frames(features, labels, trials=("one", "two"), views=VIEWS)
    (problem,) = caught.value.problems
    assert problem.trial == "one"
    assert "features of visual are (4, 3), but its views are centre, centre_flipped" in problem.message
    with pytest.raises(InputError, match=r"visual are \(2, 6, 3\), but its views are centre"):
        join_frames(features, labels, trials=("two",))
