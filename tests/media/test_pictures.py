from pathlib import Path

import numpy as np
import pytest

from pipeline.media.pictures import decode_pictures, to_grey, to_rgb
from pipeline.media.video import read_video
from pipeline.runtime.errors import InputError
from tests.face_factory import HEIGHT, HERE, WIDTH, face_picture, write_face_video
from tests.media_factory import damage, write_video


def test_yields_the_frames_that_the_time_line_counts(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", frames=17)
    pictures = list(decode_pictures(video))
    assert len(pictures) == len(read_video(video).time) == 17
    assert [frame.pts for frame in pictures] == sorted(frame.pts for frame in pictures if frame.pts is not None)


def test_pictures_are_what_was_encoded(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=2)
    expected = face_picture(HERE)
    for frame in decode_pictures(video):
        assert np.abs(to_rgb(frame).astype(int) - expected).mean() < 5
        assert to_grey(frame).shape == (HEIGHT, WIDTH)
        assert np.abs(to_grey(frame).astype(float) - expected @ (0.299, 0.587, 0.114)).mean() < 4


def test_a_phone_video_is_turned_upright(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=2, turned=True)
    expected = face_picture(HERE)
    frames = list(decode_pictures(video))
    assert len(frames) == 2
    assert (frames[0].width, frames[0].height) == (HEIGHT, WIDTH)
    for frame in frames:
        assert to_grey(frame).shape == (HEIGHT, WIDTH)
        assert np.abs(to_rgb(frame).astype(int) - expected).mean() < 5


def test_damage_is_named(tmp_path: Path) -> None:
    video = damage(write_video(tmp_path / "v.mp4", frames=60, audio=False))
    with pytest.raises(InputError, match=r"v\.mp4: frame \d+ cannot be decoded"):
        list(decode_pictures(video))


def test_a_file_without_pictures_is_refused(tmp_path: Path) -> None:
    sound = write_video(tmp_path / "v.mp4", video=False, frames=30)
    with pytest.raises(InputError, match="no video stream"):
        list(decode_pictures(sound))
