from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clips.clip import read_clip, write_clip
from pipeline.clips.excerpt import OpenClip
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "7.h5"
    write_clip(path, make_clip(frames=30))
    return path


@settings(max_examples=50)
@given(frames=st.lists(st.integers(0, 29), min_size=1, max_size=40))
def test_faces_are_those_of_the_whole_clip_in_the_order_asked_for(path: Path, frames: list[int]) -> None:
    with OpenClip(path) as clip:
        faces = clip.faces(np.array(frames))
    np.testing.assert_array_equal(faces, read_clip(path).faces[frames])


def test_time_and_sound_are_those_of_the_whole_clip(path: Path) -> None:
    whole = read_clip(path)
    with OpenClip(path) as clip:
        np.testing.assert_array_equal(clip.time, whole.time)
        assert (clip.samples, clip.sample_rate) == (len(whole.audio), whole.sample_rate)
        np.testing.assert_array_equal(clip.sound(100, 900), whole.audio[100:900])
        np.testing.assert_array_equal(clip.sound(len(whole.audio) - 5, len(whole.audio) + 100), whole.audio[-5:])


def test_another_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["schema"] = 99
    with pytest.raises(InputError, match=r"other\.h5, trial other: .*no clip of schema 1"):
        OpenClip(tmp_path / "other.h5")
