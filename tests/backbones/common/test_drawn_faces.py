import numpy as np

from pipeline.backbones.common.drawn_faces import draw_faces


def faces(count: int = 8, *, seed: int = 0) -> np.ndarray:
    return draw_faces(count, size=40, reach=40 / 48, per_identity=4, seed=seed)


def test_shape_range_and_seed() -> None:
    drawn = faces()
    assert drawn.shape == (8, 3, 40, 40)
    assert drawn.dtype == np.float32
    assert -1 <= drawn.min() < drawn.max() <= 1
    np.testing.assert_array_equal(drawn, faces())
    assert not np.array_equal(drawn, faces(seed=1))


def test_faces_of_one_identity_differ_less_than_those_of_two() -> None:
    drawn = faces(count=64)
    within = np.abs(drawn[1::4] - drawn[::4]).mean()
    between = np.abs(drawn[4::4] - drawn[:-4:4]).mean()
    assert 0 < within < 0.7 * between
