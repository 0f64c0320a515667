import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.clip import Clip, read_clip, write_clip
from pipeline.clips.target import Target
from pipeline.runtime.errors import InputError


def make_clip(frames: int = 20, size: int = 8, **changes: object) -> Clip:
    rng = np.random.default_rng(frames)
    labels = rng.uniform(-1, 1, (frames, 2)).astype(np.float32)
    labels[::3] = np.nan
    clip = Clip(
        trial="video3_left",
        subject="video3",
        partition="train",
        fps=29.97,
        targets=(Target("valence", -1, 1), Target("arousal", -1, 1)),
        time=np.arange(frames) / 29.97,
        faces=rng.integers(0, 256, (frames, size, size, 3), dtype=np.uint8),
        face_valid=rng.random(frames) < 0.8,
        audio=rng.integers(-32768, 32768, 700 * frames, dtype=np.int16),
        sample_rate=16000,
        labels=labels,
        alignment={"frames": frames, "notes": ["a", "b"], "label_rows": None},
        sources={"video": "ab", "images": "cd"},
    )
    return replace(clip, **changes)  # type: ignore[arg-type]


def assert_same(one: Clip, two: Clip) -> None:
    for name in ("time", "faces", "face_valid", "audio", "labels"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        assert getattr(one, name).dtype == getattr(two, name).dtype
    for name in ("trial", "subject", "partition", "fps", "targets", "sample_rate", "alignment", "sources"):
        assert getattr(one, name) == getattr(two, name)
    assert one.digest() == two.digest()


@given(frames=st.integers(1, 40), size=st.integers(1, 50))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, frames: int, size: int) -> None:
    path = tmp_path_factory.mktemp("clip") / "a.h5"
    clip = make_clip(frames, size)
    write_clip(path, clip)
    assert_same(read_clip(path), clip)
    assert_same(read_clip(path, mapped=True), clip)


def test_mapped_faces_are_not_read(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.h5", make_clip())
    assert isinstance(read_clip(tmp_path / "a.h5", mapped=True).faces.base, np.memmap)
    assert not isinstance(read_clip(tmp_path / "a.h5").faces.base, np.memmap)


def test_the_format(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.h5", make_clip(20, 48))
    with h5py.File(tmp_path / "a.h5") as file:
        kinds = {name: (data.shape, data.dtype.str) for name, data in file.items()}
        assert kinds == {
            "time": ((20,), "<f8"),
            "faces": ((20, 48, 48, 3), "|u1"),
            "face_valid": ((20,), "|b1"),
            "audio": ((14000,), "<i2"),
            "labels": ((20, 2), "<f4"),
        }
        assert file.attrs["schema"] == 1
        assert file.attrs["targets"] == '[["valence", -1, 1], ["arousal", -1, 1]]'
        assert file.attrs["sources"] == '{"images": "cd", "video": "ab"}'


def test_the_same_clip_gives_the_same_bytes(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.h5", make_clip())
    time.sleep(1.1)
    write_clip(tmp_path / "b.h5", make_clip())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_parts_are_left_out_on_request(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.h5", make_clip(other_audio={44100: np.zeros(9, np.int16)}))
    clip = read_clip(tmp_path / "a.h5", faces=False, audio=False)
    assert clip.faces.shape == (0, 8, 8, 3)
    assert len(clip.audio) == 0
    assert clip.other_audio == {}
    assert len(clip) == 20


def test_a_second_rate_is_a_second_dataset(tmp_path: Path) -> None:
    clip = make_clip(other_audio={44100: np.arange(9, dtype=np.int16)})
    write_clip(tmp_path / "a.h5", clip)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["audio_44100"][:].tolist() == list(range(9))
    np.testing.assert_array_equal(read_clip(tmp_path / "a.h5").other_audio[44100], np.arange(9))


def test_faces_in_a_second_size_are_mapped_from_the_file(tmp_path: Path) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (20, 14, 14, 3), dtype=np.uint8)
    write_clip(tmp_path / "a.h5", make_clip(other_faces={14: faces}))
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["faces_14"], faces)
    read = read_clip(tmp_path / "a.h5").other_faces
    assert list(read) == [14]
    assert isinstance(read[14].base, np.memmap)
    assert not read[14].flags.writeable
    np.testing.assert_array_equal(read[14], faces)
    np.testing.assert_array_equal(read[14][[3, 3, 1]], faces[[3, 3, 1]])
    assert read_clip(tmp_path / "a.h5", faces=False).other_faces == {}
    write_clip(tmp_path / "none.h5", make_clip(0, other_faces={14: faces[:0]}))
    assert read_clip(tmp_path / "none.h5").other_faces[14].shape == (0, 14, 14, 3)


def test_further_datasets_of_another_shape_or_type_are_refused() -> None:
    with pytest.raises(ValueError, match=r"faces_14 is uint8 \(19, 14, 14, 3\), expected uint8 \(20, 14, 14, 3\)"):
        make_clip(other_faces={14: np.zeros((19, 14, 14, 3), np.uint8)})
    with pytest.raises(ValueError, match=r"audio_44100 is float32 \(9,\), expected int16 \(9,\)"):
        make_clip(other_audio={44100: np.zeros(9, np.float32)})


def test_further_datasets_have_digests_of_their_own() -> None:
    plain, sound = make_clip(), np.arange(9, dtype=np.int16)
    faces = np.zeros((20, 14, 14, 3), np.uint8)
    clip = make_clip(other_audio={44100: sound}, other_faces={14: faces})
    assert plain.other_digests() == {}
    assert sorted(clip.other_digests()) == ["audio_44100", "faces_14"]
    assert clip.media_digest() == plain.media_digest()
    assert clip.digest() != plain.digest()
    changed = make_clip(other_audio={44100: sound[::-1].copy()}, other_faces={14: faces})
    assert changed.digest() != clip.digest()
    assert changed.other_digests()["faces_14"] == clip.other_digests()["faces_14"]
    assert changed.other_digests()["audio_44100"] != clip.other_digests()["audio_44100"]


def test_a_read_only_file_can_be_read(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.h5", make_clip())
    before = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").chmod(stat.S_IRUSR)
    read_clip(tmp_path / "a.h5")
    assert (tmp_path / "a.h5").read_bytes() == before


def test_frames_without_a_label() -> None:
    clip = make_clip(6)
    assert clip.label_valid.tolist() == [False, True, True, False, True, True]
    labels = np.array([[0, np.nan], [np.nan, np.nan], [0, 0]], dtype=np.float32)
    assert make_clip(3, labels=labels).label_valid.tolist() == [True, False, True]


def test_digests_tell_labels_from_media() -> None:
    clip = make_clip()
    other_labels = replace(clip, labels=(clip.labels / 2).astype(np.float32))
    assert other_labels.digest() != clip.digest()
    assert other_labels.media_digest() == clip.media_digest()
    for name in ("time", "faces", "audio", "face_valid"):
        array = getattr(clip, name).copy()
        array[-1] = array[-1] == 0
        changed = replace(clip, **{name: array})
        assert changed.media_digest() != clip.media_digest()
        assert changed.digest() != clip.digest()
    assert replace(clip, subject="other").digest() != clip.digest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.zeros((19, 2), np.float32)}, r"labels is float32 \(19, 2\), expected float32 \(20, 2\)"),
        ({"labels": np.zeros((20, 2))}, "labels is float64"),
        ({"face_valid": np.zeros(21, np.bool_)}, r"face_valid is bool \(21,\)"),
        ({"faces": np.zeros((19, 8, 8, 3), np.uint8)}, "19 faces for 20 frames"),
        ({"faces": np.zeros((20, 8, 9, 3), np.uint8)}, "faces is uint8"),
        ({"audio": np.zeros(5, np.float32)}, "audio is float32"),
        ({"time": np.zeros(20, np.float32)}, "time is float32"),
    ],
)
def test_arrays_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_clip(**changes)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.h5", make_clip())
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs["schema"] = 99
    with pytest.raises(
        InputError, match=r"a\.h5, trial a: .*clip schema 99, expected 1.* -> run `affectflow cache verify"
    ):
        read_clip(tmp_path / "a.h5")


def test_a_clip_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_clip(path, make_clip())
    with h5py.File(path, "r+") as file:
        del file["audio"]
        file.create_dataset("audio", shape=(1 << 50,), dtype="i2", chunks=(1 << 20,))
    with pytest.raises(
        InputError, match=r"a\.h5, trial a: .*audio claims 2251799813685248 bytes, and the file holds 0"
    ):
        read_clip(path)
