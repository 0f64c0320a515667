import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.clips.clip import write_clip
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.explorer import COARSEST, FINEST, evenly, explore, share
from pipeline.report.explorer_trial import Detail, pack_trial
from pipeline.report.segments import Segment
from pipeline.report.strips import Strips
from tests.evaluation.synthetic import synthetic_clip
from tests.report.test_traces import RANGES, trial

STRIPS = Strips(b"jpeg", np.array([0.5]), np.array([3, 255], dtype=np.uint8), 2.4, np.ones(60, dtype=np.bool_))
DETAIL = Detail(points=30, thumbnails=3, stretches=20)


def pack(models: Mapping[str, TrialPrediction], **changes: Any) -> dict[str, Any]:
    strips = replace(STRIPS, **changes)
    segments = [Segment("visual", "covered", 10, 20), Segment("smell", "none", 1, 2)]
    return pack_trial(models, strips, segments, targets=RANGES, detail=DETAIL)


def test_a_trial_holds_labels_predictions_gates_and_scores() -> None:
    models = {"plain": trial("a", skill=1.0), "gated": trial("a", skill=0.5, gates=True)}
    packed = pack(models)
    assert set(packed["columns"]) == {
        *(f"{of}/{column}" for of in ("label", 0, 1) for column in (0, 1)),
        *(f"gate/1/audio {iteration}" for iteration in (1, 2)),
    }
    assert packed["ccc"][0] == ["1.000", "1.000"]
    assert packed["seconds"] == 2.4
    assert len(packed["columns"]["0/0"]) == len(packed["columns"]["label/1"]) == 80  # 30 points of 2 bytes in base64


def test_what_is_useless_or_missing_is_shaded_and_said() -> None:
    valid = np.ones(60, dtype=np.bool_)
    valid[[0, 1, 50]] = False
    packed = pack({"plain": trial("a", skill=1.0), "other": trial("a", skill=0.5)}, face_valid=valid)
    shades = packed["shades"]
    assert ["visual", 0.4, 0.8, "covered"] in shades
    assert ["no face", 0.0, 0.08, ""] in shades
    assert ["no face", 2.0, 2.04, ""] in shades
    assert ["no label", 0.2, 0.36, ""] in shades
    assert len(shades) == 4
    words = packed["words"]
    assert words.startswith("a, held out in fold 0: 60 frames in 2.4 s.")
    assert "Useless: visual from 0.4 to 0.8 s (covered)." in words
    assert "There is no face in 2 places, 0.1 s together." in words
    assert "There is no label in one place, 0.2 s together." in words
    assert "The highest mean CCC on this trial is that of plain, 1.000." in words


def test_a_test_trial_has_no_scores_and_no_labels() -> None:
    tested = replace(trial("a"), labels=None, fold=None)
    packed = pack({"one": tested, "two": tested})
    assert packed["ccc"] == [[], []]
    assert not any(name.startswith("label") for name in packed["columns"])
    assert "a test trial, whose labels are not known" in packed["words"]
    assert "CCC" not in packed["words"]


@pytest.mark.parametrize("trials", [1, 30, 600, 4000])
@pytest.mark.parametrize("lines", [4, 40])
def test_trials_share_the_room(trials: int, lines: int) -> None:
    detail, count = share(6, lines=lines, trials=trials)
    assert 1 <= count <= trials
    assert COARSEST.points <= detail.points <= FINEST.points
    size = 600 + 2.7 * detail.points * (lines + 2) + 700 * detail.thumbnails + 4 / 3 * detail.stretches
    assert count * size <= 6.1e6
    if trials == 1:
        assert (detail, count) == (FINEST, 1)
    if count < trials:
        assert detail == COARSEST


def test_where_not_all_fit_folds_take_turns() -> None:
    folds = {"a": 0, "b": 0, "c": 0, "d": 1, "e": 1, "t": None}
    trials = {name: {"m": replace(trial(name), fold=fold)} for name, fold in folds.items()}
    assert evenly(trials, 4) == ["a", "b", "d", "t"]
    assert evenly(trials, 9) == list(folds)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for number, name in enumerate(("a", "b")):
        write_clip(tmp_path / f"{name}.h5", synthetic_clip(name, np.zeros((60, 2), dtype=np.float32), number=number))
    return tmp_path


def trials_of(*models: str) -> dict[str, dict[str, TrialPrediction]]:
    return {
        name: {model: trial(name, fold=fold, gates=model == "gated") for model in models}
        for fold, name in enumerate(("a", "b"))
    }


def test_the_data_cannot_end_its_script_and_are_the_same_bytes(clips: Path) -> None:
    def made() -> Any:
        trials = trials_of("</script><b>", "gated")
        return explore(trials, targets=RANGES, drawn=["gated"], segments={}, clips=clips, first="b", megabytes=6)

    one = made()
    assert one == made()
    assert "<" not in one.data + one.plots
    data = json.loads(one.data)
    assert data["models"] == ["</script><b>", "gated"]
    assert data["first"] == "b"
    assert one.drawn == [1]
    assert one.groups == {"Fold 0": ["a"], "Fold 1": ["b"]}
    assert [entry.name for entry in one.lines] == ["label", "gate of iteration 1", "gate of iteration 2"]
    assert one.shades == ["no face", "no label"]


def test_long_trials_are_thinned_where_there_is_little_room(clips: Path) -> None:
    trials = trials_of("plain")
    small = explore(trials, targets=RANGES, drawn=["plain"], segments={}, clips=clips, megabytes=0.004)
    assert small.left_out == 1
    assert small.thinned is None
    whole = explore(trials, targets=RANGES, drawn=["plain"], segments={}, clips=clips)
    assert (whole.left_out, whole.thinned) == (0, None)
