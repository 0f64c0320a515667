from pathlib import Path

import numpy as np
import pytest

from pipeline.media.audio import AudioTrack, read_audio
from pipeline.media.timeline import common_timeline
from pipeline.media.video import VideoTrack, read_video
from pipeline.runtime.errors import InputError
from tests.media_factory import write_video

RATE = 16000


@pytest.mark.parametrize(("video_start", "audio_start"), [(0.0, 0.0), (0.4, 0.0), (0.0, 0.5), (0.25, 0.75), (3.0, 3.0)])
def test_a_click_is_heard_at_the_frame_that_it_belongs_to(
    tmp_path: Path, video_start: float, audio_start: float
) -> None:
    # The click is at container time 1.5 s, when frame (1.5 - video_start) * 30 is shown.
    signal = np.zeros((1, 4 * 44100))
    moment = 4.0 if video_start == 3.0 else 1.5
    at = round((moment - audio_start) * 44100)
    signal[0, at : at + 20] = 0.9
    path = write_video(tmp_path / "a.mp4", frames=90, audio=signal, video_start=video_start, audio_start=audio_start)
    line = common_timeline(read_video(path), read_audio(path, (RATE,)), path=path)
    frame = round((moment - video_start) * 30)
    heard = np.abs(line.audio[RATE]).argmax() / RATE
    # One AAC packet of slack: an encoder may write its run-in as sound.
    assert heard == pytest.approx(line.time[frame], abs=0.025)
    assert min(line.time[0], 0) == 0


def test_a_late_sound_is_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", audio_start=0.5)
    line = common_timeline(read_video(path), read_audio(path, (RATE, 44100)), path=path)
    assert any("sound begins" in note for note in line.notes)
    silent = line.audio[RATE][: int(0.4 * RATE)]
    assert len(silent) == int(0.4 * RATE)
    assert not silent.any()
    assert len(line.audio[44100]) / 44100 == pytest.approx(len(line.audio[RATE]) / RATE, abs=1e-3)


def test_a_late_picture_is_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", video_start=0.5)
    line = common_timeline(read_video(path), read_audio(path, (RATE,)), path=path)
    assert any("picture begins" in note for note in line.notes)
    assert line.time[0] == pytest.approx(0.5, abs=1e-3)


def test_two_files_each_begin_at_zero(tmp_path: Path) -> None:
    video = read_video(write_video(tmp_path / "a.mp4", video_start=0.5, audio=False))
    sound = read_audio(write_video(tmp_path / "b.mp4", video=False, audio_start=0.3), (RATE,))
    line = common_timeline(video, sound, path=tmp_path / "a.mp4", same_file=False)
    assert line.time[0] == 0
    np.testing.assert_array_equal(line.audio[RATE], sound[0].samples)


@pytest.mark.parametrize("same_file", [True, False])
def test_sound_that_ends_early_is_told(tmp_path: Path, same_file: bool) -> None:
    path = write_video(tmp_path / "a.mp4", frames=90, audio=np.zeros((1, 44100)))
    line = common_timeline(read_video(path), read_audio(path, (RATE,)), path=path, same_file=same_file)
    (note,) = line.notes
    missing = float(note.removeprefix("the sound ends ").removesuffix(" s before the picture"))
    assert missing == pytest.approx(3 - len(line.audio[RATE]) / RATE, abs=1e-3)
    assert 1.9 < missing <= 2.0


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.mov"])
def test_sound_as_long_as_the_picture_needs_no_word(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, frames=61, sound_codec="pcm_s16le" if name == "a.avi" else "aac")
    line = common_timeline(read_video(path), read_audio(path, (RATE,)), path=path)
    assert not [note for note in line.notes if "sound" in note]


def test_time_stamps_far_apart_are_damage() -> None:
    video = VideoTrack(np.arange(5) / 25, "container", ())
    sound = (AudioTrack(np.zeros(100, np.int16), RATE, 1e6, ()),)
    with pytest.raises(InputError, match=r"v\.mp4: picture and sound begin 1000000\.0 s apart"):
        common_timeline(video, sound, path=Path("v.mp4"))
