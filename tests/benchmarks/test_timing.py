import os

import pytest
import torch

from benchmarks._timing import Times, one_pinned_thread, spread, take_turns


def test_ratios_are_taken_within_a_turn() -> None:
    """The third turn was slow for both: the ratio does not see it."""
    ours, other = Times((1.0, 2.0, 10.0)), Times((2.0, 6.0, 20.0))
    assert ours.over(other) == (2.0, 2.0, 3.0)
    assert spread(ours.over(other)) == "2.00 [2.00 to 3.00]"
    assert ours.rate(100) == 50
    assert ours.rates(100) == "10 to 100"


def test_variants_take_turns_after_one_call_that_does_not_count() -> None:
    called: list[str] = []
    times = take_turns({name: lambda name=name: called.append(name) for name in "ab"}, rounds=2)  # type: ignore[misc]
    assert called == list("ababab")
    assert [len(taken.seconds) for taken in times.values()] == [2, 2]


def test_one_thread_stays_on_one_core() -> None:
    before = os.sched_getaffinity(0), torch.get_num_threads()
    with one_pinned_thread():
        assert len(os.sched_getaffinity(0)) == 1
        assert torch.get_num_threads() == 1
    assert (os.sched_getaffinity(0), torch.get_num_threads()) == before
    with pytest.raises(RuntimeError), one_pinned_thread():
        raise RuntimeError("stop")
    assert os.sched_getaffinity(0) == before[0]
