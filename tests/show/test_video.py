import re
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.clips.clip import Clip
from pipeline.show.video import copy_for_browsers, media_type_of, obstacle
from tests.evaluation.synthetic import synthetic_clip
from tests.media_factory import write_video


def test_what_browsers_play_is_left_as_it_is(tmp_path: Path) -> None:
    for name, codec, sound in (("a.mp4", "libx264", "aac"), ("a.webm", "libvpx", "libopus")):
        path = write_video(tmp_path / name, codec=codec, sound_codec=sound, audio_rate=48000)
        assert obstacle(path, separate_sound=False) is None
    assert media_type_of(tmp_path / "a.mp4") == "video/mp4"
    assert media_type_of(tmp_path / "a.webm") == "video/webm"
    silent = write_video(tmp_path / "silent.mp4", audio=None)
    assert obstacle(silent, separate_sound=False) is None


def test_what_they_do_not_play_is_said(tmp_path: Path) -> None:
    avi = write_video(tmp_path / "a.avi", codec="mpeg4", sound_codec="libmp3lame")
    assert "container is AVI" in (obstacle(avi, separate_sound=False) or "")
    coded = write_video(tmp_path / "b.mp4", codec="mpeg4")
    assert obstacle(coded, separate_sound=False) == "its pictures are coded as mpeg4"
    late = write_video(tmp_path / "c.mp4", video_start=0.5, audio_start=0.5)
    assert re.fullmatch(r"it begins at 0\.[45]\d s", obstacle(late, separate_sound=False) or "")
    mkv = shutil.copy(write_video(tmp_path / "d.mkv"), tmp_path / "e.mkv")
    assert "container is" in (obstacle(Path(mkv), separate_sound=False) or "")
    whole = write_video(tmp_path / "f.mp4")
    assert obstacle(whole, separate_sound=True) == "its sound is another file"


@pytest.fixture
def clip() -> Clip:
    uneven = np.cumsum(np.where(np.arange(30) % 7 == 0, 0.08, 0.04)) - 0.08
    clip = synthetic_clip("a", np.zeros((30, 2), dtype=np.float32), number=0)
    return replace(clip, time=uneven, sample_rate=16000, audio=(8000 * np.sin(np.arange(24000) / 9)).astype(np.int16))


def test_a_copy_has_the_clips_frames_at_its_times_and_its_sound(tmp_path: Path, clip: Clip) -> None:
    video = write_video(tmp_path / "a.avi", frames=30, rate=25, codec="mpeg4", sound_codec="libmp3lame")
    copy = tmp_path / "copy.mp4"
    copy_for_browsers(video, clip, copy)
    assert obstacle(copy, separate_sound=False) is None
    with av.open(str(copy)) as container:
        frames = list(container.decode(video=0))
        assert [float(frame.time or 0) for frame in frames] == pytest.approx(clip.time.tolist(), abs=1e-4)
        shown = frames[4].to_ndarray(format="rgb24")
    with av.open(str(video)) as container:
        original = list(container.decode(video=0))[4].to_ndarray(format="rgb24")
    assert shown.shape == original.shape
    # The same picture but for two lossy codecs: noise that agrees far better than with another frame.
    assert np.corrcoef(shown.ravel(), original.ravel())[0, 1] > 0.8
    with av.open(str(copy)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
        assert samples / 48000 == pytest.approx(1.5, abs=0.1)


def test_a_silent_trial_has_a_silent_copy_of_even_size(tmp_path: Path, clip: Clip) -> None:
    pictures = [np.full((51, 67, 3), 8 * number, dtype=np.uint8) for number in range(30)]
    video = write_video(tmp_path / "a.avi", pictures=pictures, rate=25, codec="rawvideo", audio=None)
    copy = tmp_path / "copy.mp4"
    copy_for_browsers(video, replace(clip, audio=np.zeros(0, dtype=np.int16)), copy)
    with av.open(str(copy)) as container:
        assert not container.streams.audio
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (66, 50)
        assert len(list(container.decode(video=0))) == 30
