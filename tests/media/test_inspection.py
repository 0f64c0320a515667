import re
from pathlib import Path

import pytest

from pipeline.media.inspection import inspect_media
from tests.media_factory import cut_off, write_video

FAST = {"movflags": "faststart"}


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_a_whole_file_is_fine(tmp_path: Path, name: str) -> None:
    sound = "aac" if name.endswith("mp4") else "pcm_s16le"
    assert inspect_media(write_video(tmp_path / name, sound_codec=sound)) == []


def messages(path: Path) -> str:
    found = inspect_media(path)
    assert found
    assert all(problem.file == str(path) and problem.remedy for problem in found)
    return "; ".join(problem.message for problem in found)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
def test_a_file_cut_off_before_its_index(tmp_path: Path, share: float) -> None:
    assert "does not open" in messages(cut_off(write_video(tmp_path / "a.mp4"), share))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.97])
def test_a_file_cut_off_behind_its_index(tmp_path: Path, share: float) -> None:
    path = cut_off(write_video(tmp_path / "a.mp4", frames=90, options=FAST), share)
    assert "breaks off" in messages(path)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_an_avi_cut_off(tmp_path: Path, share: float) -> None:
    path = cut_off(write_video(tmp_path / "a.avi", frames=90, codec="mpeg4", sound_codec="pcm_s16le"), share)
    assert "breaks off" in messages(path)


def test_the_last_bytes_are_missing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", options=FAST)
    path.write_bytes(path.read_bytes()[:-3])
    assert messages(path) == "the file breaks off: 1 packets are incomplete"


def test_cut_off_between_two_packets(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", frames=90, codec="mpeg4", sound_codec="pcm_s16le")
    data = path.read_bytes()
    path.write_bytes(data[: data.rfind(b"00dc", 0, len(data) // 2)])
    assert re.fullmatch(r"the file breaks off: \d\d of the 90 frames that its header promises", messages(path))


def test_no_sound(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", audio=False)
    assert messages(path) == "there is no audio stream"
    assert inspect_media(path, needs_audio=False) == []


def test_no_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", video=False)
    assert messages(path) == "there is no video stream"
    assert inspect_media(path, needs_video=False) == []


def test_no_media_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"nothing")
    assert "does not open" in messages(path)
