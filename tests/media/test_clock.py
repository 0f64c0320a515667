from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.clock import Times, backwards, counted, slots, stamped

TICK, RATE = Fraction(1, 10), Fraction(5)


def times_of(stamps: list[int | None], rate: Fraction | None = RATE) -> Times:
    time = stamped(stamps, TICK, rate)
    assert time is not None
    return time


def test_every_frame_has_its_stamp() -> None:
    np.testing.assert_allclose(times_of([7, 9, 12], None), [0.7, 0.9, 1.2])


def test_frames_before_the_first_stamp_and_behind_the_last_follow_the_rate() -> None:
    np.testing.assert_allclose(times_of([None, None, 20, 22, None]), [1.6, 1.8, 2.0, 2.2, 2.4])


def test_frames_between_two_stamps_share_the_time_between_them() -> None:
    np.testing.assert_allclose(times_of([0, None, None, 12], None), [0, 0.4, 0.8, 1.2])


@given(st.lists(st.none() | st.integers(0, 50), min_size=1), st.booleans())
def test_known_stamps_are_kept_and_time_never_runs_backwards(stamps: list[int | None], rated: bool) -> None:
    time = stamped(stamps, TICK, RATE if rated else None)
    known = [(number, stamp) for number, stamp in enumerate(stamps) if stamp is not None]
    ordered = all(one[1] <= other[1] for one, other in pairwise(known))
    assert ordered == (backwards(stamps) is None)
    if time is None:
        assert not known or not ordered or not rated
    else:
        np.testing.assert_allclose(time[[number for number, _ in known]], [stamp / 10 for _, stamp in known])
        assert (np.diff(time) >= -1e-12).all()


def test_without_a_rate_open_ends_stay_open() -> None:
    assert stamped([None, 1], TICK, None) is None
    assert stamped([None, None], TICK, RATE) is None


@pytest.mark.parametrize(("stamps", "frame"), [([3, 4, 2], 2), ([3, None, 2], 2), ([3, 3, None, 4], None)])
def test_the_first_step_backwards(stamps: list[int | None], frame: int | None) -> None:
    assert backwards(stamps) == frame


def test_counting_keeps_the_first_known_stamp() -> None:
    np.testing.assert_allclose(counted([90, 91, 89, 93], Fraction(1, 30), Fraction(30)), 3 + np.arange(4) / 30)
    np.testing.assert_allclose(counted([None, None, 20, 10], TICK, RATE), [1.6, 1.8, 2.0, 2.2])
    np.testing.assert_allclose(counted([None, None], TICK, RATE), [0, 0.2])


def test_frames_take_the_places_of_their_packets() -> None:
    assert slots([(0, 1), (1, 1), (4, 1), (None, 0)]) == [0, 1, 4]
    # The decoder holds two frames back.
    assert slots([(0, 0), (1, 0), (2, 1), (5, 1), (6, 1), (None, 2)]) == [0, 1, 2, 5, 6]
    # The packet at 3 says that there is nothing new to see.
    assert slots([(0, 0), (1, 1), (2, 1), (3, 0), (4, 1), (None, 1)]) == [0, 1, 2, 4]


def test_places_that_contradict_the_frames_are_not_used() -> None:
    assert slots([(0, 1), (1, 2), (2, 0)]) is None
    assert slots([(None, 2)]) is None
    assert slots([(0, 0)]) is None
