from itertools import pairwise

import numpy as np
import pytest

from pipeline.demo.latent import stream
from pipeline.demo.segments import KINDS, LONGEST, SHORTEST, Segment, cover, runs, useless


def test_segments_fill_their_share_and_the_modalities_take_turns() -> None:
    total = {"visual": 0.0, "audio": 0.0}
    for number in range(300):
        found = useless(stream(number, "s"), seconds=20.0, share=0.18, position=number)
        for one, other in pairwise(found):
            assert one.end <= other.start
            assert one.modality != other.modality
        for segment in found:
            assert 0 <= segment.start < segment.end <= 20.0
            assert SHORTEST <= segment.end - segment.start <= LONGEST
            assert segment.kind in KINDS[segment.modality]
            total[segment.modality] += segment.end - segment.start
    assert sum(total.values()) / 6000 == pytest.approx(0.18, abs=0.02)
    assert total["visual"] == pytest.approx(total["audio"], rel=0.15)


def test_a_share_of_zero_gives_no_segment() -> None:
    assert useless(stream(0, "s"), seconds=60.0, share=0.0, position=1) == []


def test_a_cover_is_full_inside_and_rises_outside() -> None:
    segments = [Segment("visual", "covered", 1.0, 2.0), Segment("visual", "turned", 2.5, 3.0)]
    curve = cover(segments, modality="visual", kind="covered", count=400, ramp=0.2)
    assert np.all(curve[100:201] == 1)
    assert curve[90] == pytest.approx(0.5)
    assert np.all(curve[:80] == 0)
    assert np.all(curve[221:] == 0)


def test_runs_stay_within_the_trial() -> None:
    for number in range(50):
        found = runs(stream(number, "r"), frames=45, count=2)
        assert 4 <= len(found) <= 12
        assert min(found) >= 0
        assert max(found) < 45
