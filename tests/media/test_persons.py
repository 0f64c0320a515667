import numpy as np
from numpy.typing import NDArray

from pipeline.media.persons import follow_each

TIME = np.arange(200) / 25


def faces(*rows: tuple[float, float, float]) -> NDArray[np.float64]:
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def follow(detections: dict[int, NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    return follow_each(detections, TIME, bridge=1.0, smooth=0.0)


def test_two_people_side_by_side_have_a_track_each() -> None:
    large, small = follow({n: faces((100 + n / 4, 80, 60), (300, 90 + n / 5, 40)) for n in range(200)})
    np.testing.assert_allclose(large[:, 0], 100 + np.arange(200) / 4)
    np.testing.assert_allclose(small[:, 1], 90 + np.arange(200) / 5)


def test_who_comes_back_to_the_same_place_is_the_same_person() -> None:
    seen = {n: faces(*([(100, 80, 60)] if n < 50 or n > 150 else []), (300, 90, 50)) for n in range(200)}
    steady, away = follow(seen)
    assert not np.isnan(steady).any()
    assert steady[0, 0] == 300
    assert np.flatnonzero(np.isnan(away[:, 0])).tolist() == list(range(50, 151))


def test_who_comes_to_another_place_or_in_another_size_is_another_person() -> None:
    for later in ((250, 80, 60), (100, 80, 130)):
        first = {n: faces((100, 80, 60)) for n in range(60)}
        people = follow(first | {n: faces() for n in range(60, 120)} | {n: faces(later) for n in range(120, 200)})
        assert [int((~np.isnan(person[:, 0])).sum()) for person in people] == [80, 60]


def test_a_face_of_a_moment_is_no_person() -> None:
    seen = {n: faces((100, 80, 60), *([(300, 90, 60)] if 20 <= n < 30 else [])) for n in range(200)}
    assert len(follow(seen)) == 1


def test_keypoints_follow_their_face() -> None:
    rows = {n: np.arange(15, dtype=np.float64)[None] + [0, 0, 20, *[n] * 12] for n in range(200)}
    (person,) = follow(rows)
    assert person.shape == (200, 15)
    np.testing.assert_allclose(person[:, 14], 14 + np.arange(200))


def test_without_a_face_there_is_nobody() -> None:
    assert follow({n: faces() for n in range(200)}) == []
    assert follow({}) == []
