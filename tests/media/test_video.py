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


@pytest.mark.parametrize(("codec", "slack"), [("mpeg4", 0), ("libx264", 3)])
def test_dropped_frames_of_an_avi_leave_their_places_empty(tmp_path: Path, codec: str, slack: int) -> None:
    dropped = {5, 6, 7, 20, 40, 41}
    path = write_video(tmp_path / "a.avi", frames=60, codec=codec, sound_codec="pcm_s16le", dropped=dropped)
    track = read_video(path)
    expected = np.array([number for number in range(60) if number not in dropped]) / 30
    # Where frames reorder, the file does not say which of them the empty place follows.
    off = np.abs(track.time - expected)
    assert (off > 1e-9).sum() <= 3 * slack
    assert off.max() <= slack / 30 + 1e-9
    assert track.clock == "assumed"
    assert track.notes == (
        "this kind of file holds no time stamps: frames stand at their places in the file, 6 of which are empty",
    )


def test_a_quarter_of_the_frames_may_be_dropped(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", frames=100, codec="mpeg4", sound_codec="pcm_s16le", dropped=range(1, 100, 4))
    track = read_video(path)
    assert len(track.time) == 75
    assert track.time[-1] == pytest.approx(99 / 30)


def test_a_header_that_miscounts_a_few_frames_is_noted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", frames=60, codec="mpeg4", sound_codec="pcm_s16le")
    data = bytearray(path.read_bytes())
    length = data.find(b"strh") + 8 + 32
    assert data[length] == 60
    data[length] = 62
    path.write_bytes(bytes(data))
    assert read_video(path).notes[-1] == "60 of the 62 frames that its header promises are there"
    data[length] = 66
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="the file breaks off: 60 of the 66 frames"):
        read_video(path)


def test_time_stamps_that_run_backwards_are_not_used() -> None:
    track = _time_line(Path("a.mp4"), [90, 91, 89, 93], Fraction(1, 30), Fraction(30), steps=None)
    np.testing.assert_allclose(track.time, 3 + np.arange(4) / 30)
    assert track.clock == "assumed"
    assert "backwards at frame 2" in track.notes[0]


def test_frames_without_a_time_stamp_are_placed_by_their_neighbours() -> None:
    stamps = [*[None] * 30, *range(30, 60)]
    track = _time_line(Path("a.mkv"), stamps, Fraction(1, 30), Fraction(30), steps=None)
    np.testing.assert_allclose(track.time, np.arange(60) / 30)
    assert track.clock == "container"
    assert track.notes == ("30 frames have no time stamp: placed by their neighbours",)


def test_no_time_stamp_at_all(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", frames=40, rate=25, audio=False)
    track = read_video(path)
    assert len(track.time) == 40
    assert np.diff(track.time) == pytest.approx(np.full(39, 1 / 25), abs=1e-6)


def test_a_jump_in_the_time_stamps_is_damage() -> None:
    with pytest.raises(InputError, match=r"a\.mp4: time stamps jump by 100\.0 s at frame 2"):
        _time_line(Path("a.mp4"), [0, 1, 101], Fraction(1), None, steps=None)


@pytest.mark.parametrize("rate", [None, Fraction(1, 1000), Fraction(10**6)])
def test_a_frame_rate_that_cannot_be(rate: Fraction | None) -> None:
    with pytest.raises(InputError, match="no usable time stamps"):
        _time_line(Path("a.avi"), [None, None], Fraction(1), rate, steps=[(0, 1), (1, 1)])


def test_a_file_that_ends_before_its_header_says(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.flv", frames=90, codec="flv", codec_options={"g": "10"})
    assert len(read_video(path).time) == 90
    with pytest.raises(InputError, match=r"the file breaks off: it ends at \d\.\d\d s, and its header says 3\.\d\d s"):
        read_video(cut_off(path, 0.4))


def test_frames_lost_within_an_avi_are_counted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", frames=90, codec="mpeg4", sound_codec="pcm_s16le", codec_options={"g": "1"})
    data = bytearray(path.read_bytes())
    start = data.find(b"movi") + 4
    for _ in range(10):
        start = data.find(b"00dc", start + 4)
    data[start : start + 4] = b"07wb"
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="1 pictures between the others are lost"):
        read_video(path)


def test_damage_names_the_frame(tmp_path: Path) -> None:
    path = damage(write_video(tmp_path / "a.mp4", frames=60, audio=False))
    with pytest.raises(InputError, match=r"a\.mp4: frame \d+ cannot be decoded"):
        read_video(path)


def test_what_does_not_open_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unusable media: 1 problem\s+.*the file breaks off"):
        read_video(cut_off(write_video(tmp_path / "a.mp4")))
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"a\.mp4: the file does not open: Invalid data"):
        read_video(tmp_path / "a.mp4")


def test_a_file_without_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no video stream"):
        read_video(write_video(tmp_path / "a.mp4", video=False))
