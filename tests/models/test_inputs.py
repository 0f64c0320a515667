import numpy as np

from pipeline.features.store import Features
from pipeline.models.inputs import missing_face


def features(valid: list[bool], *, views: int = 0) -> Features:
    """Embeddings that count up, of black where there is no face."""
    shape = (max(views, 1), len(valid), 3)
    embedding = np.arange(np.prod(shape), dtype=np.float16).reshape(shape)
    embedding[:, ~np.array(valid)] = [7, 8, 9]
    return Features(embedding if views else embedding[0], np.arange(float(len(valid))), np.array(valid))


def test_frames_without_a_face_share_an_embedding() -> None:
    trials = [features([True, True]), features([True, False, True]), features([False])]
    found = missing_face(trials)
    assert found is not None
    assert found.tolist() == [7, 8, 9]


def test_the_centre_view_has_it() -> None:
    found = missing_face([features([True, True, False], views=4)])
    assert found is not None
    assert found.tolist() == [7, 8, 9]


def test_where_all_frames_have_a_face_there_is_none() -> None:
    assert missing_face([features([True, True]), features([True])]) is None
