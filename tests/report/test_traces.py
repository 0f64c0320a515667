from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.segments import Segment
from pipeline.report.traces import choose, thinned, trace

RANGES = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}


def trial(name: str, *, fold: int = 0, skill: float = 0.8, frames: int = 60, gates: bool = False) -> TrialPrediction:
    time = np.arange(frames) / 25
    labels = np.stack([np.sin(3 * time), np.cos(2 * time)], axis=-1).astype(np.float32)
    gate = np.full((frames, 2, 2), 0.5, dtype=np.float32)
    labels[5:9] = np.nan
    predictions = np.nan_to_num(skill * labels)
    return TrialPrediction(name, time, predictions, labels, fold, {"audio": gate} if gates else {})


@given(st.integers(1, 500), st.integers(1, 60), st.sets(st.integers(0, 499)))
def test_thinning_keeps_means_and_gaps(frames: int, points: int, gaps: set[int]) -> None:
    values = np.sin(np.arange(frames, dtype=np.float64))
    values[[gap for gap in gaps if gap < frames]] = np.nan
    time, mean = thinned(np.arange(frames) / 25, values, points=points)
    assert len(time) == len(mean) == min(frames, points)
    assert (np.diff(time) > 0).all()
    if frames <= points:
        np.testing.assert_array_equal(mean, values)
        return
    edges = np.linspace(0, frames, points + 1).astype(int)
    for one, start, end in zip(mean, edges, edges[1:], strict=False):
        present = values[start:end][~np.isnan(values[start:end])]
        assert (np.isnan(one) and not len(present)) or one == pytest.approx(present.mean())


def test_folds_take_turns_and_give_their_median_trial() -> None:
    skills = {"a": 0.9, "b": 0.5, "c": 0.1, "d": 0.3, "e": 0.7, "f": 0.05}
    validation = {name: trial(name, fold="abcdef".index(name) // 3, skill=skill) for name, skill in skills.items()}
    order = choose(validation, {}, targets=list(RANGES), count=9)
    assert order[:2] == ["b", "d"]
    assert sorted(order) == sorted(skills)
    assert choose(validation, {}, targets=list(RANGES), count=1) == ["b"]
    marked = choose(validation, {"c": [Segment("audio", "noise", 0, 3)]}, targets=list(RANGES), count=2)
    assert marked == ["c", "d"]


def test_trials_without_annotation_are_not_shown() -> None:
    blank = replace(trial("x"), labels=np.full((60, 2), np.nan, dtype=np.float32))
    assert choose({"x": blank}, {}, targets=list(RANGES), count=3) == []


def test_a_trace_shows_every_model_the_gates_and_the_segments() -> None:
    models = {"plain": trial("a", skill=1.0), "gated": trial("a", skill=0.5, gates=True)}
    segments = [Segment("visual", "covered", 10, 20), Segment("audio", "noise", 55, 90)]
    shown = trace("a", models, colours={"plain": 0, "gated": 1}, targets=RANGES, segments=segments, number_on_page=3)
    assert shown.caption.startswith("CCC on this trial (valence / arousal): plain 1.000 / 1.000; gated 0.8")
    for figure in (shown.wide, shown.narrow):
        assert "gated gates, audio" in figure
        assert "plain gates" not in figure
        assert figure.count("var(--shade-visual)") == figure.count("var(--shade-audio)") > 0
        assert "var(--series-1)" in figure
        assert "var(--series-2)" in figure
    assert "covered" in shown.wide
    assert 'viewBox="0 0 360' in shown.narrow
