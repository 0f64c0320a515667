from pathlib import Path

import pytest

from pipeline.media.inspection import inspect_media
from tests.media_factory import boxes, cut_off, flip_bits, write_video

FAST = {"movflags": "faststart"}


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_a_whole_file_is_fine(tmp_path: Path, name: str) -> None:
    sound = "aac" if name.endswith("mp4") else "pcm_s16le"
    assert inspect_media(write_video(tmp_path / name, sound_codec=sound)).problems == ()


def messages(path: Path) -> str:
    found = inspect_media(path).problems
    assert found
    assert all(problem.file == str(path) and problem.remedy for problem in found)
    return "; ".join(problem.message for problem in found)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("options", [{}, FAST])
def test_an_mp4_cut_off(tmp_path: Path, share: float, options: dict[str, str]) -> None:
    path = cut_off(write_video(tmp_path / "a.mp4", frames=90, options=options), share)
    assert "breaks off" in messages(path)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
@pytest.mark.parametrize(
    ("name", "codec", "sound", "rate"),
    [
        ("a.avi", "mpeg4", "pcm_s16le", 44100),
        ("a.mkv", "libx264", "aac", 44100),
        ("a.webm", "libvpx", "libopus", 48000),
    ],
)
def test_another_file_cut_off(tmp_path: Path, share: float, name: str, codec: str, sound: str, rate: int) -> None:
    path = write_video(tmp_path / name, frames=90, codec=codec, sound_codec=sound, audio_rate=rate)
    assert messages(cut_off(path, share)).startswith("the file breaks off: ")


def test_the_last_bytes_are_missing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", options=FAST)
    path.write_bytes(path.read_bytes()[:-3])
    assert "the file breaks off: 3 bytes of its part 'mdat' are missing" in messages(path)


def test_what_picture_and_sound_share_is_said_once(tmp_path: Path) -> None:
    path = cut_off(write_video(tmp_path / "a.avi", frames=90, codec="mpeg4", sound_codec="pcm_s16le"), 0.9)
    assert messages(path).count("its part 'RIFF AVI ' are missing") == 1


def test_dropped_frames_are_no_damage(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", frames=100, codec="mpeg4", sound_codec="pcm_s16le", dropped=range(1, 100, 4))
    assert inspect_media(path).problems == ()


def test_damage_inside_pictures_is_found_before_anything_runs(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=60, audio=False)
    place = boxes(path)["mdat"]
    flip_bits(path, seed=3, count=30, first=place.start + 500, last=place.stop)
    text = "; ".join(problem.message for problem in inspect_media(path, sound="ignored").problems)
    assert "pictures are damaged" in text or "cannot be decoded" in text


def test_no_sound(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", audio=False)
    assert messages(path) == "there is no audio stream"
    for sound in ("optional", "ignored"):
        found = inspect_media(path, sound=sound)
        assert found.problems == ()
        assert found.sound is None
        assert found.video is not None
        assert len(found.video.time) == 30


def test_no_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", video=False)
    assert messages(path) == "there is no video stream"
    found = inspect_media(path, needs_video=False)
    assert found.problems == ()
    assert found.sound == pytest.approx(1.0, abs=0.05)


def test_no_media_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"nothing")
    assert messages(path).startswith("the file does not open: ")
    assert len(inspect_media(path).problems) == 1
