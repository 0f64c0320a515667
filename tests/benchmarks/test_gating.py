from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks import _gating_figures as figures
from benchmarks._gating_figures import CLEAN, CONDITIONS, EITHER, FACE, VOICE
from benchmarks._gating_plot import Panels, draw
from pipeline.evaluation.metrics import ccc
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.segments import Segment

TARGETS = ("valence", "arousal")
SEGMENTS = {
    "a": [Segment("visual", "covered", 10, 30), Segment("audio", "noise", 25, 40)],
    "b": [Segment("audio", "silence", 0, 12)],
}


def trial(
    name: str, *, seed: int = 0, noise: float = 0.3, lost: Sequence[int] = (), frames: int = 60
) -> TrialPrediction:
    """Predictions that follow the labels up to `noise`, and in the frames `lost` not at all."""
    random = np.random.default_rng(seed)
    labels = random.uniform(-1, 1, (frames, 2)).astype(np.float32)
    predictions = np.clip(labels + noise * random.standard_normal((frames, 2)), -1, 1).astype(np.float32)
    predictions[list(lost)] = random.uniform(-1, 1, (len(lost), 2))
    labels[:3, 0] = np.nan
    opening = random.uniform(0, 1, (frames, 2))
    audio = np.stack([1 - opening, opening], axis=-1)
    stage = np.stack([1 - opening[:, 0] / 2, opening[:, 0] / 2], axis=-1)
    attention = {"audio": audio, "visual": audio, "stage_audio": stage, "stage_visual": stage}
    return TrialPrediction(name, np.arange(float(frames)), predictions, labels, seed, attention)


def test_each_frame_is_in_its_condition() -> None:
    marks = figures.split(SEGMENTS["a"], frames=60)
    assert {name: np.flatnonzero(mark).tolist() for name, mark in marks.items()} == {
        CLEAN: [*range(10), *range(40, 60)],
        FACE: list(range(10, 25)),
        VOICE: list(range(30, 40)),
        EITHER: [*range(10, 25), *range(30, 40)],
    }
    assert tuple(marks) == CONDITIONS
    assert figures.split((), frames=4)[CLEAN].all()


def test_agreement_is_that_of_the_frames_of_a_condition_over_all_trials() -> None:
    trials = [trial("a"), trial("b", seed=1), trial("c", seed=2)]
    found = figures.agreement(trials, SEGMENTS, targets=TARGETS)
    chosen = [(trials[0], range(30, 40)), (trials[1], range(12))]
    labels, predictions = (
        np.concatenate([getattr(t, n)[list(k)] for t, k in chosen]) for n in ("labels", "predictions")
    )
    kept = ~np.isnan(labels[:, 0])
    valence, arousal = ccc(labels[kept, 0], predictions[kept, 0]), ccc(labels[:, 1], predictions[:, 1])
    assert found[VOICE]["valence"] == pytest.approx(valence)
    assert found[VOICE]["P"] == pytest.approx((valence + arousal) / 2)
    assert figures.annotated(trials, SEGMENTS)[VOICE] == (10 + 12, 2)  # a label of one target is enough
    assert figures.annotated(trials, SEGMENTS)[FACE] == (15, 1)


def test_what_goes_wrong_in_useless_frames_shows_there_alone() -> None:
    lost = [trial("a", lost=range(10, 40)), trial("b", seed=1, lost=range(12))]
    whole = [trial("a"), trial("b", seed=1)]
    with_loss, without = (figures.agreement(trials, SEGMENTS, targets=TARGETS) for trials in (lost, whole))
    assert with_loss[CLEAN]["P"] == pytest.approx(without[CLEAN]["P"])
    assert with_loss[EITHER]["P"] < without[EITHER]["P"] - 0.3
    interval = figures.lead_interval([whole], [lost], SEGMENTS, condition=EITHER, targets=TARGETS)
    assert 0 < interval.low < without[EITHER]["P"] - with_loss[EITHER]["P"] < interval.high
    same = figures.lead_interval([whole], [whole], SEGMENTS, condition=EITHER, targets=TARGETS)
    assert (same.low, same.high) == (0, 0)


def test_own_weight_is_what_reaches_the_head_untouched() -> None:
    one = trial("a")
    found = figures.weights(one)
    assert list(found) == [
        "audio 1",
        "audio 2",
        "audio stage",
        "visual 1",
        "visual 2",
        "visual stage",
        "audio own",
        "visual own",
    ]
    np.testing.assert_allclose(found["audio own"], (1 - found["audio 1"]) * (1 - found["audio stage"]), rtol=1e-5)
    bare = TrialPrediction("a", one.time, one.predictions, one.labels, 0)
    assert figures.weights(bare) == {}
    assert figures.gate_series([bare], SEGMENTS) == {}


def test_gates_are_gathered_by_condition_over_trials() -> None:
    trials = [trial("a"), trial("b", seed=1)]
    series = figures.gate_series(trials, SEGMENTS)["visual 2"]
    expected = np.concatenate([trials[0].attention["visual"][30:40, 1, 1], trials[1].attention["visual"][:12, 1, 1]])
    np.testing.assert_allclose(series[VOICE], expected, rtol=1e-6)
    assert len(series[CLEAN]) == 30 + 48


def test_separation_is_the_area_under_the_roc_curve() -> None:
    random = np.random.default_rng(0)
    inside, outside = random.normal(0.5, 1, 80).round(1), random.normal(0, 1, 120).round(1)
    truth = np.r_[np.ones(80), np.zeros(120)]
    expected = roc_auc_score(truth, np.r_[inside, outside])
    assert 0.5 < expected < 1
    assert figures.separation(inside, outside) == pytest.approx(expected)
    assert figures.separation(outside, inside) == pytest.approx(1 - expected)
    with pytest.raises(ValueError, match="0 and 120"):
        figures.separation(inside[:0], outside)


def test_switches_and_saturation_are_counted() -> None:
    series = {CLEAN: np.array([0.01, 0.5, 0.97]), EITHER: np.array([0.9])}
    assert figures.closed_or_open(series) == pytest.approx(0.5)
    assert figures.at_ends(np.array([[1, -0.99], [0.97, 0]])) == pytest.approx(0.5)


def test_the_same_numbers_draw_the_same_bytes(tmp_path: Path) -> None:
    by_condition = {name: [0.4, 0.5] for name in (CLEAN, FACE, VOICE)}
    panels = Panels(p={"m": by_condition}, gates={"audio 1": by_condition})
    draw(panels, tmp_path / "a.svg")
    draw(panels, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
