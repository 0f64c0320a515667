from pathlib import Path

import numpy as np
import pytest

from pipeline.media.audio import read_audio
from pipeline.media.timeline import common_timeline
from pipeline.media.video import read_video
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
    line = common_timeline(read_video(path), read_audio(path, (RATE,)))
    frame = round((moment - video_start) * 30)
    heard = np.abs(line.audio[RATE]).argmax() / RATE
    # One AAC packet of slack: an encoder may write its run-in as sound.
    assert heard == pytest.approx(line.time[frame], abs=0.025)
    assert min(line.time[0], 0) == 0


def test_a_late_sound_is_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", audio_start=0.5)
    line = common_timeline(read_video(path), read_audio(path, (RATE, 44100)))
    assert any("sound begins" in note for note in line.notes)
    silent = line.audio[RATE][: int(0.4 * RATE)]
    assert len(silent) == int(0.4 * RATE)
    assert not silent.any()
    assert len(line.audio[44100]) / 44100 == pytest.approx(len(line.audio[RATE]) / RATE, abs=1e-3)


def test_a_late_picture_is_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", video_start=0.5)
    line = common_timeline(read_video(path), read_audio(path, (RATE,)))
    assert any("picture begins" in note for note in line.notes)
    assert line.time[0] == pytest.approx(0.5, abs=1e-3)


def test_two_files_each_begin_at_zero(tmp_path: Path) -> None:
    video = read_video(write_video(tmp_path / "a.mp4", video_start=0.5, audio=False))
    sound = read_audio(write_video(tmp_path / "b.mp4", video=False, audio_start=0.3), (RATE,))
    line = common_timeline(video, sound, same_file=False)
    assert line.time[0] == 0
    np.testing.assert_array_equal(line.audio[RATE], sound[0].samples)
