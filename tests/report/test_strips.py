from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.clips.clip import write_clip
from pipeline.report.strips import SIDE, loudness, read_strips, side_by_side, spread
from pipeline.runtime.errors import InputError
from tests.evaluation.synthetic import synthetic_clip


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 12))
def test_the_faces_shown_are_valid_in_order_and_one_per_stretch(valid: list[bool], count: int) -> None:
    marks = np.array(valid, dtype=np.bool_)
    frames = spread(marks, count)
    assert len(frames) <= count
    assert (np.diff(frames) > 0).all()
    assert marks[frames].all()
    if marks.all():
        assert len(frames) == min(count, len(marks))


def test_the_face_nearest_the_middle_of_its_stretch_is_shown() -> None:
    marks = np.ones(40, dtype=np.bool_)
    marks[[14, 15]] = False
    assert spread(marks, 4).tolist() == [4, 13, 24, 34]


def test_thumbnails_stand_side_by_side_and_are_the_same_bytes() -> None:
    faces = np.stack([np.full((20, 20, 3), colour, dtype=np.uint8) for colour in ([250, 0, 0], [0, 0, 250])])
    jpeg = side_by_side(faces)
    assert jpeg == side_by_side(faces.copy())
    picture = np.asarray(Image.open(BytesIO(jpeg)), dtype=np.int64)
    assert picture.shape == (SIDE, 2 * SIDE, 3)
    assert np.abs(picture[:, 8 : SIDE - 8] - [250, 0, 0]).max() < 24
    assert np.abs(picture[:, SIDE + 8 : -8] - [0, 0, 250]).max() < 24


@given(st.lists(st.integers(-32768, 32767), max_size=200), st.integers(1, 50))
def test_loudness_is_the_greatest_amplitude_of_each_stretch(samples: list[int], stretches: int) -> None:
    found = loudness(np.array(samples, dtype=np.int16), stretches)
    assert len(found) == min(len(samples), stretches)
    if not samples:
        return
    edges = np.linspace(0, len(samples), len(found) + 1).astype(int)
    top = max(max(map(abs, samples)), 1)
    parts = [samples[start:end] for start, end in pairwise(edges)]
    assert found.tolist() == [255 * max(map(abs, part)) // top for part in parts]


def test_a_clip_gives_its_strips(tmp_path: Path) -> None:
    labels = np.zeros((100, 2), dtype=np.float32)
    clip = synthetic_clip("a", labels, number=0)
    write_clip(tmp_path / "a.h5", clip)
    strips = read_strips(tmp_path / "a.h5", thumbnails=5, stretches=30)
    assert strips.seconds == pytest.approx(4.0)
    assert len(strips.loudness) == 30
    assert strips.loudness.max() == 255
    np.testing.assert_array_equal(strips.face_valid, clip.face_valid)
    assert strips.times.tolist() == pytest.approx([0.36, 1.16, 1.96, 2.76, 3.56], abs=0.09)
    assert Image.open(BytesIO(strips.thumbnails)).size == (5 * SIDE, SIDE)
    assert read_strips(tmp_path / "a.h5", thumbnails=0, stretches=30).thumbnails == b""


def test_a_clip_without_faces_or_sound_has_empty_strips(tmp_path: Path) -> None:
    clip = synthetic_clip("a", np.zeros((50, 2), dtype=np.float32), number=0)
    none = replace(clip, face_valid=np.zeros(50, dtype=np.bool_), audio=np.zeros(0, dtype=np.int16))
    write_clip(tmp_path / "a.h5", none)
    strips = read_strips(tmp_path / "a.h5", thumbnails=5, stretches=30)
    assert (strips.thumbnails, len(strips.times), len(strips.loudness), strips.seconds) == (b"", 0, 0, 0.0)


def test_a_missing_clip_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dvc repro clips"):
        read_strips(tmp_path / "a.h5", thumbnails=5, stretches=30)
