import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import tracks
from pipeline.media.tracks import overlap

TIME = np.arange(50) / 25


def faces(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def follow(seen: dict[int, np.ndarray], time: np.ndarray, *, bridge: float, smooth: float) -> np.ndarray:
    return tracks.follow(seen, time, bridge=bridge, smooth=smooth).boxes


def covered(boxes: np.ndarray) -> list[int]:
    return np.flatnonzero(~np.isnan(boxes).any(axis=1)).tolist()


def test_interpolates_between_detections_and_never_beyond() -> None:
    boxes = follow({5: faces((10, 20, 8)), 10: faces((12, 20, 10)), 15: faces()}, TIME, bridge=1.0, smooth=0)
    assert covered(boxes) == [5, 6, 7, 8, 9, 10]
    assert np.allclose(boxes[5:11, 0], np.linspace(10, 12, 6))
    assert np.allclose(boxes[5:11, 2], np.linspace(8, 10, 6))


def test_interpolation_goes_by_time_not_by_number() -> None:
    time = np.array([0.0, 0.1, 0.5, 1.0])
    boxes = follow({0: faces((0, 0, 10)), 3: faces((2, 0, 10))}, time, bridge=1.0, smooth=0)
    assert np.allclose(boxes[:, 0], [0, 0.2, 1.0, 2.0])


def test_a_missed_detection_is_bridged_up_to_the_limit() -> None:
    seen = {0: faces((10, 10, 8)), 10: faces(), 20: faces((10, 10, 8)), 30: faces((10, 10, 8))}
    assert covered(follow(seen, TIME, bridge=0.8, smooth=0)) == list(range(31))
    assert covered(follow(seen, TIME, bridge=0.7, smooth=0)) == list(range(20, 31))


def test_a_single_detection_is_not_believed() -> None:
    assert covered(follow({0: faces((10, 10, 8)), 5: faces(), 10: faces()}, TIME, bridge=1, smooth=0)) == []


def test_without_detections_there_is_no_face() -> None:
    assert np.isnan(follow({}, TIME, bridge=1, smooth=0)).all()


def test_the_larger_person_is_followed_whoever_appears_first() -> None:
    seen = {frame: faces((60, 30, 20), (10, 30, 12)) for frame in range(10, 50, 5)}
    seen[0] = seen[5] = faces((10, 30, 12))
    boxes = follow(seen, TIME, bridge=1, smooth=0)
    assert np.allclose(boxes[10:46, 0], 60)
    assert np.allclose(boxes[0:10, 0], 10)


def test_a_pattern_in_the_background_never_stands_in() -> None:
    seen = {frame: faces((10, 30, 8)) for frame in range(0, 50, 5)}
    for frame in range(20, 50, 5):
        seen[frame] = faces((60, 30, 20), (10, 30, 8))
    boxes = follow(seen, TIME, bridge=1, smooth=0)
    assert covered(boxes) == list(range(20, 46))
    assert np.allclose(boxes[20:46, 0], 60)


def test_each_face_continues_the_track_that_it_overlaps_most() -> None:
    seen = {0: faces((20, 20, 10), (32, 20, 10)), 5: faces((31, 20, 10), (21, 20, 10)), 10: faces((22, 20, 10))}
    boxes = follow(seen, TIME, bridge=1, smooth=0)
    assert np.allclose(boxes[[0, 5, 10], 0], [20, 21, 22])


@pytest.mark.parametrize("rate", [4.0, 1.0, 0.2])
def test_a_face_is_followed_however_few_frames_there_are(rate: float) -> None:
    time = np.arange(12) / rate
    boxes = follow({frame: faces((10 + frame, 20, 8)) for frame in range(12)}, time, bridge=1.0, smooth=0.3)
    assert covered(boxes) == list(range(12))


def test_between_searches_far_apart_only_neighbours_are_joined() -> None:
    time = np.arange(6) / 0.5
    seen = {frame: faces((10, 20, 8)) for frame in (0, 1, 3, 4)} | {2: faces()}
    assert covered(follow(seen, time, bridge=1.0, smooth=0)) == [0, 1, 3, 4]


def test_frames_of_another_track_are_told_apart() -> None:
    seen = {frame: faces((60, 30, 20)) for frame in range(0, 30, 5)}
    seen |= {frame: faces((10, 30, 14)) for frame in range(20, 50, 5)}
    seen |= {frame: faces((60, 30, 20), (10, 30, 14)) for frame in (20, 25)}
    found = tracks.follow(seen, TIME, bridge=1, smooth=0)
    assert covered(found.boxes) == list(range(46))
    assert np.flatnonzero(found.other).tolist() == list(range(26, 46))
    alone = tracks.follow({frame: faces((60, 30, 20)) for frame in range(0, 50, 5)}, TIME, bridge=1, smooth=0)
    assert not alone.other.any()


def test_smoothing_calms_the_detector_and_keeps_the_mean() -> None:
    jitter = np.random.default_rng(0).normal(0, 1, 50)
    seen = {frame: faces((50 + jitter[frame], 40, 20)) for frame in range(50)}
    rough = follow(seen, TIME, bridge=1, smooth=0)[:, 0]
    calm = follow(seen, TIME, bridge=1, smooth=0.4)[:, 0]
    assert np.allclose(rough, 50 + jitter)
    assert np.abs(np.diff(calm)).mean() < 0.3 * np.abs(np.diff(rough)).mean()
    # Eleven frames lie within 0.2 s on either side.
    assert np.isclose(calm[25], rough[20:31].mean())


@given(
    centres=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(5, 40)), min_size=1, max_size=4),
    shift=st.floats(-20, 20),
)
def test_overlap_is_a_share(centres: list[tuple[float, float, float]], shift: float) -> None:
    a = faces(*centres)
    shares = overlap(a, a + np.array([shift, 0, 0]))
    assert shares.shape == (len(a), len(a))
    assert ((shares >= 0) & (shares <= 1 + 1e-9)).all()
    assert np.allclose(np.diag(overlap(a, a)), 1)
    side = a[:, 2]
    common = np.clip(side - abs(shift), 0, None) * side
    assert np.allclose(np.diag(shares), common / (2 * side**2 - common))


@given(
    st.dictionaries(
        st.integers(0, 49),
        st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50), st.floats(5, 30)), max_size=3),
        max_size=12,
    )
)
def test_the_order_in_which_detections_arrive_does_not_matter(
    found: dict[int, list[tuple[float, float, float]]],
) -> None:
    seen = {frame: faces(*rows) for frame, rows in found.items()}
    backwards = dict(reversed(list(seen.items())))
    expected = follow(seen, TIME, bridge=0.5, smooth=0.2)
    assert np.array_equal(follow(backwards, TIME, bridge=0.5, smooth=0.2), expected, equal_nan=True)
    first, last = min(found, default=0), max(found, default=0)
    assert all(first <= frame <= last for frame in covered(expected))
