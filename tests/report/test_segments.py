from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from pipeline.evaluation.metrics import ccc
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.segments import FILE, Segment, conditions, gate_weights, read_segments, useless
from pipeline.runtime.errors import InputError
from tests.strategies import accepted, nearly


def trial(name: str, *, seed: int = 0, gates: bool = True) -> TrialPrediction:
    random = np.random.default_rng(seed)
    labels = random.uniform(-1, 1, (20, 2)).astype(np.float32)
    labels[0] = np.nan
    predictions = random.uniform(-1, 1, (20, 2)).astype(np.float32)
    weight = np.linspace(0, 1, 20)[:, None]
    audio = np.stack([1 - weight * [0.5, 1], weight * [0.5, 1]], axis=-1)
    attention = {"stage_audio": np.concatenate([1 - weight, weight], axis=1), "audio": audio, "map": np.zeros((20, 5))}
    return TrialPrediction(name, np.arange(20.0), predictions, labels, 0, attention if gates else {})


def test_segments_are_read_by_trial(tmp_path: Path) -> None:
    header = "trial,modality,kind,start_frame,end_frame\n"
    (tmp_path / FILE).write_text(header + "a,audio,noise,3,9\nb,visual,covered,0,4\na,visual,turned,5,6\n")
    assert read_segments(tmp_path) == {
        "a": [Segment("audio", "noise", 3, 9), Segment("visual", "turned", 5, 6)],
        "b": [Segment("visual", "covered", 0, 4)],
    }
    assert read_segments(tmp_path / "elsewhere") == {}


def test_every_bad_row_is_listed(tmp_path: Path) -> None:
    header = "trial,modality,kind,start_frame,end_frame\n"
    (tmp_path / FILE).write_text(header + "a,audio,noise,3,x\na,audio,noise,3,9\na,audio,noise,9,9\n")
    with pytest.raises(InputError) as caught:
        read_segments(tmp_path)
    assert [one.row for one in caught.value.problems] == [2, 4]
    (tmp_path / FILE).write_text("trial,modality\n")
    with pytest.raises(InputError, match=":1: columns are"):
        read_segments(tmp_path)


@given(nearly(["trial,modality,kind,start_frame,end_frame\n", "a,audio,noise,3,9\n", "a,", "visual,", "1,", "9\n"]))
def test_any_bytes_give_segments_or_the_file_and_its_rows(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / FILE).write_bytes(data)
    found = accepted(lambda: read_segments(folder), folder / FILE) or {}
    assert all(0 <= one.start < one.end for segments in found.values() for one in segments)


def test_frames_are_marked_with_the_end_left_out() -> None:
    marks = useless([Segment("audio", "noise", 2, 4), Segment("audio", "silence", 5, 99)], frames=7)
    assert np.flatnonzero(marks["audio"]).tolist() == [2, 3, 5, 6]


def test_each_condition_is_scored_on_its_own_frames() -> None:
    one, other = trial("a"), trial("b", seed=1)
    segments = {"a": [Segment("audio", "noise", 5, 12), Segment("visual", "covered", 10, 15)]}
    found = conditions({"m": {"a": one, "b": other}}, segments, targets=["valence", "arousal"])
    frames = {
        "all useful": [(one, [1, 2, 3, 4, 15, 16, 17, 18, 19]), (other, list(range(1, 20)))],
        "audio and visual useless": [(one, [10, 11])],
        "audio useless": [(one, [5, 6, 7, 8, 9])],
        "visual useless": [(one, [12, 13, 14])],
    }
    assert [condition.name for condition in found] == list(frames)
    for condition in found:
        chosen = frames[condition.name]
        labels, predictions = (
            np.concatenate([getattr(t, name)[kept] for t, kept in chosen]) for name in ("labels", "predictions")
        )
        assert condition.frames == len(labels)
        assert condition.ccc["m"]["arousal"] == pytest.approx(ccc(labels[:, 1], predictions[:, 1]))
    weights = gate_weights(one)["audio 2"][[5, 6, 7, 8, 9]]
    assert found[2].gates["m"]["audio 2"] == pytest.approx(weights.mean())


def test_each_target_is_scored_on_its_own_frames() -> None:
    one = trial("a")
    assert one.labels is not None
    one.labels[5:8, 1] = np.nan
    one.labels[8:12, 0] = np.nan
    one.labels[12:] = np.nan
    segments = {"a": [Segment("audio", "noise", 5, 12), Segment("audio", "noise", 14, 20)]}
    useful, noisy = conditions({"m": {"a": one}}, segments, targets=["valence", "arousal"])
    assert (useful.frames, noisy.frames) == (4, 7)
    for column, (target, rows) in enumerate({"valence": [5, 6, 7], "arousal": [8, 9, 10, 11]}.items()):
        expected = ccc(one.labels[rows, column], one.predictions[rows, column])
        assert noisy.ccc["m"][target] == pytest.approx(expected)
    # A condition in which a target has no label is left out.
    one.labels[8:12, 1] = np.nan
    assert [found.name for found in conditions({"m": {"a": one}}, segments, targets=["valence", "arousal"])] == [
        "all useful"
    ]


def test_there_are_no_conditions_without_segments_in_these_trials() -> None:
    models = {"m": {"a": trial("a")}}
    assert conditions(models, {}, targets=["valence", "arousal"]) == []
    assert conditions(models, {"other": [Segment("audio", "noise", 0, 3)]}, targets=["valence", "arousal"]) == []


def test_models_without_gates_have_no_weights() -> None:
    segments = {"a": [Segment("audio", "noise", 5, 12)]}
    found = conditions({"m": {"a": trial("a", gates=False)}}, segments, targets=["valence", "arousal"])
    assert len(found) == 2
    assert found[0].gates == {}


def test_reliabilities_are_shown_beside_gates() -> None:
    one = trial("a", gates=False)
    values = np.linspace(0, 1, len(one.time))
    one = replace(one, attention={"reliability_visual": values, "reliability_fused": values / 2})
    weights = gate_weights(one)
    assert list(weights) == ["fused reliability", "visual reliability"]
    np.testing.assert_allclose(weights["visual reliability"], values, rtol=1e-6)


def test_gates_are_the_weights_of_what_attention_gave() -> None:
    weights = gate_weights(trial("a"))
    assert list(weights) == ["audio 1", "audio 2", "audio stage"]
    np.testing.assert_allclose(weights["audio 1"], np.linspace(0, 0.5, 20), rtol=1e-6)
    np.testing.assert_allclose(weights["audio 2"], np.linspace(0, 1, 20), rtol=1e-6)
    np.testing.assert_allclose(weights["audio stage"], np.linspace(0, 1, 20), rtol=1e-6)
