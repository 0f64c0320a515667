from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.media.pictures import decode_pictures, sample_pictures
from pipeline.media.video import read_video
from pipeline.runtime.errors import InputError
from tests.face_factory import HEIGHT, HERE, ORDERS, WIDTH, face_picture, write_face_video
from tests.media_factory import Order, damage, order_display, write_video


def test_yields_the_frames_that_the_time_line_counts(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", frames=17)
    pictures = list(decode_pictures(video))
    assert len(pictures) == len(read_video(video).time) == 17
    stamps = [picture.frame.pts for picture in pictures]
    assert stamps == sorted(stamp for stamp in stamps if stamp is not None)


def test_pictures_are_what_was_encoded(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=2)
    expected = face_picture(HERE)
    for picture in decode_pictures(video):
        assert np.abs(picture.rgb().astype(int) - expected).mean() < 5
        assert picture.grey().shape == (HEIGHT, WIDTH)
        assert np.abs(picture.grey().astype(float) - expected @ (0.299, 0.587, 0.114)).mean() < 4


@pytest.mark.parametrize("order", ORDERS)
def test_a_video_is_turned_and_mirrored_as_its_container_orders(tmp_path: Path, order: Order) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=2, order=order)
    stored = ORDERS[order](face_picture(HERE))
    pictures = list(decode_pictures(video))
    assert len(pictures) == 2
    assert (pictures[0].frame.height, pictures[0].frame.width) == stored.shape[:2]
    for picture in pictures:
        assert picture.grey().shape == (HEIGHT, WIDTH)
        assert np.abs(picture.rgb().astype(int) - face_picture(HERE)).mean() < 5


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9", "mpeg4"])
def test_every_decoder_heeds_the_container(tmp_path: Path, codec: str) -> None:
    plain = write_video(tmp_path / "v.mp4", frames=2, audio=False, codec=codec)
    turned = write_video(tmp_path / "turned.mp4", frames=2, audio=False, codec=codec)
    order_display(turned, (0, -1, 1, 0))
    for one, other in zip(decode_pictures(plain), decode_pictures(turned), strict=True):
        np.testing.assert_array_equal(np.rot90(one.rgb()), other.rgb())


@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(16, 15), Fraction(8, 9)])
def test_pixels_become_square(tmp_path: Path, aspect: Fraction) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=2, aspect=aspect)
    for picture in decode_pictures(video):
        width, height = picture.rgb().shape[1::-1]
        assert width / height == pytest.approx(WIDTH / HEIGHT, rel=0.02)
        shown = np.asarray(cv2.resize(picture.rgb(), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
        assert np.abs(shown.astype(int) - face_picture(HERE)).mean() < 6
        assert picture.grey().shape == (height, width)


def test_a_turned_video_has_its_pixels_squared_as_they_are_stored(tmp_path: Path) -> None:
    quarter = (0, 1, -1, 0)
    video = write_face_video(tmp_path / "v.mp4", frames=1, order=quarter, aspect=Fraction(4, 3))
    (picture,) = decode_pictures(video)
    height, width = picture.rgb().shape[:2]
    assert width / height == pytest.approx(WIDTH / HEIGHT, rel=0.02)


def test_shapes_that_cannot_be(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=1, aspect=Fraction(20))
    with pytest.raises(InputError, match=r"v\.mp4: its pixels are 20:1 wide"):
        list(decode_pictures(video))
    video = write_face_video(tmp_path / "w.mp4", frames=2, order=(1, 1, 0, 1))
    with pytest.raises(InputError, match=r"w\.mp4: its display matrix .* is no turn"):
        list(decode_pictures(video))


def test_damage_is_named(tmp_path: Path) -> None:
    video = damage(write_video(tmp_path / "v.mp4", frames=60, audio=False))
    with pytest.raises(InputError, match=r"v\.mp4: frame \d+ cannot be decoded"):
        list(decode_pictures(video))


def test_a_file_without_pictures_is_refused(tmp_path: Path) -> None:
    sound = write_video(tmp_path / "v.mp4", video=False, frames=30)
    with pytest.raises(InputError, match="no video stream"):
        list(decode_pictures(sound))


@pytest.mark.parametrize("name", ["v.mp4", "v.avi"])
def test_a_quick_look_spreads_over_the_video(tmp_path: Path, name: str) -> None:
    sound = "aac" if name.endswith("mp4") else "pcm_s16le"
    video = write_video(tmp_path / name, frames=50, rate=25, sound_codec=sound)
    times = [picture.frame.time for picture in sample_pictures(video, 5)]
    assert times == pytest.approx([0.0, 0.4, 0.8, 1.2, 1.6], abs=0.09)


def test_a_quick_look_at_one_picture_or_at_damage_ends(tmp_path: Path) -> None:
    assert len(list(sample_pictures(write_video(tmp_path / "v.mp4", frames=1), 5))) == 1
    assert len(list(sample_pictures(damage(write_video(tmp_path / "w.mp4", frames=60)), 5))) <= 5
