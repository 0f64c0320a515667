from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.media.video import _time_line, read_video
from pipeline.runtime.errors import InputError
from tests.media_factory import cut_off, damage, write_video


def test_constant_rate(tmp_path: Path) -> None:
    track = read_video(write_video(tmp_path / "a.mp4", frames=40, rate=25))
    np.testing.assert_allclose(track.time, np.arange(40) / 25, atol=1e-9)
    assert track.rate == pytest.approx(25)
    assert track.clock == "container"
    assert track.notes == ()


def test_variable_rate_comes_from_the_time_stamps(tmp_path: Path) -> None:
    times = np.cumsum(np.where(np.arange(30) % 7 == 0, 0.05, 0.03))
    track = read_video(write_video(tmp_path / "a.mp4", times=times.tolist()))
    assert len(track.time) == 30
    np.testing.assert_allclose(track.time, times, atol=1e-4)


def test_a_late_picture_keeps_its_offset(tmp_path: Path) -> None:
    track = read_video(write_video(tmp_path / "a.mp4", video_start=0.4))
    assert track.time[0] == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_avi_has_no_time_stamps(tmp_path: Path, codec: str) -> None:
    # What FFmpeg makes up for an AVI whose frames reorder is neither complete nor in order.
    track = read_video(write_video(tmp_path / "a.avi", frames=30, rate=24, codec=codec, sound_codec="pcm_s16le"))
    np.testing.assert_allclose(track.time, np.arange(30) / 24, atol=1e-9)
    assert track.clock == "assumed"
    assert "no time stamps" in track.notes[0]


def test_time_stamps_that_run_backwards_are_not_used() -> None:
    track = _time_line(Path("a.mp4"), [90, 91, 89, 93], Fraction(1, 30), Fraction(30), stampless=False)
    np.testing.assert_allclose(track.time, 3 + np.arange(4) / 30)
    assert "backwards at frame 2" in track.notes[0]


def test_a_missing_time_stamp_is_reported() -> None:
    track = _time_line(Path("a.mp4"), [0, None, 2], Fraction(1, 10), Fraction(10), stampless=False)
    np.testing.assert_allclose(track.time, [0, 0.1, 0.2])
    assert "1 frames have no time stamp" in track.notes[0]


def test_damage_names_the_frame(tmp_path: Path) -> None:
    path = damage(write_video(tmp_path / "a.mp4", frames=60, audio=False))
    with pytest.raises(InputError, match=r"a\.mp4: frame \d+ cannot be decoded"):
        read_video(path)


def test_what_does_not_open(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.mp4: the video cannot be read"):
        read_video(cut_off(write_video(tmp_path / "a.mp4")))


def test_a_file_without_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no video stream"):
        read_video(write_video(tmp_path / "a.mp4", video=False))
