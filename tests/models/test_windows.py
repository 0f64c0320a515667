import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.windows import cut_windows, kept_frames, window_starts


@pytest.mark.parametrize(
    ("frames", "starts"),
    [(299, [0]), (300, [0]), (301, [0, 1]), (500, [0, 200]), (501, [0, 200, 201]), (950, [0, 200, 400, 600, 650])],
)
def test_the_published_starts(frames: int, starts: list[int]) -> None:
    assert window_starts(frames, window=300, hop=200) == starts


@given(frames=st.integers(1, 400), window=st.integers(2, 60), data=st.data())
def test_every_frame_is_covered_and_no_window_reaches_past_the_end(
    frames: int, window: int, data: st.DataObject
) -> None:
    hop = data.draw(st.integers(1, window))
    starts = window_starts(frames, window=window, hop=hop)
    covered = np.zeros(frames, dtype=bool)
    for start in starts:
        covered[start : start + window] = True
    assert covered.all()
    assert len(set(starts)) == len(starts)
    assert all(start + window <= frames for start in starts) or starts == [0]


def test_a_short_trial_repeats_its_last_frame_under_the_mask() -> None:
    windows = cut_windows([np.array([7, 8, 9])], window=5, hop=5)
    assert windows.index.tolist() == [[7, 8, 9, 9, 9]]
    assert windows.mask.tolist() == [[True, True, True, False, False]]


def test_windows_never_mix_trials() -> None:
    windows = cut_windows([np.arange(0, 12), np.arange(12, 17), np.arange(0)], window=5, hop=3)
    trials = [set((index >= 12).tolist()) for index in windows.index]
    assert len(trials) == 5
    assert all(len(trial) == 1 for trial in trials)


@pytest.mark.parametrize(("frames", "hop"), [(0, 2), (5, 0), (5, 11)])
def test_what_cannot_be_cut_is_refused_with_its_numbers(frames: int, hop: int) -> None:
    with pytest.raises(ValueError, match=r"0|11"):
        window_starts(frames, window=10, hop=hop)


def test_compact_gaps_keep_frames_on_which_any_target_is_annotated() -> None:
    labels = np.array([[1, 1], [np.nan, np.nan], [1, np.nan], [np.nan, 1]], dtype=np.float32)
    assert kept_frames(labels, gaps="mask").tolist() == [True] * 4
    assert kept_frames(labels, gaps="compact").tolist() == [True, False, True, True]
