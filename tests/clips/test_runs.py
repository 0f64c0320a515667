"""Runs of frames that a mask marks."""

import numpy as np
import pytest

from pipeline.clips.runs import runs


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], []),
        ([False, False], []),
        ([True, True, False, True], [(0, 2), (3, 4)]),
        ([False, True, True], [(1, 3)]),
    ],
)
def test_runs_of_frames(marks: list[bool], expected: list[tuple[int, int]]) -> None:
    assert runs(np.array(marks, dtype=np.bool_)) == expected
