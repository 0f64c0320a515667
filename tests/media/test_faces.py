from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.media.cascade import CascadeDetector
from pipeline.media.config import CASCADES, FacesConfig
from pipeline.media.detectors import resolve
from pipeline.media.face_crops import crop_face
from pipeline.media.faces import find_faces
from pipeline.media.pictures import Picture
from pipeline.media.video import read_video
from pipeline.runtime.errors import InputError
from tests.face_factory import HERE, Place, face_picture, write_face_video
from tests.media_factory import Order

CONFIG = resolve(FacesConfig(detector="blazeface", smooth=0.0))
CASCADE = resolve(FacesConfig(detector="frontalface_alt2", every=0.16, smooth=0.0))
DETECTORS = pytest.mark.parametrize("config", [CONFIG, CASCADE], ids=["blazeface", "cascade"])
HERE_WIDE: Place = (170.0, 62.0, 40.0)


def moving(frame: int) -> list[Place]:
    return [(55.0 + frame, 60.0, 36.0)]


@DETECTORS
def test_every_frame_gets_the_face_of_that_frame(tmp_path: Path, config: FacesConfig) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=30, place=moving, smile=lambda frame: frame / 20 - 0.75)
    time = read_video(video).time
    found = find_faces(video, time, size=48, config=config)
    assert found.valid.all()
    assert found.pixels.shape == (30, 48, 48, 3)
    assert np.abs(found.boxes[:, 0] - (55 + np.arange(30))).max() < 4
    for frame in (0, 7, 16, 29):
        # The detector's own idea of a face's extent is given; what is seen there must be the picture of this frame.
        picture = face_picture(*moving(frame), smile=frame / 20 - 0.75)
        expected = crop_face(picture, found.boxes[frame], margin=config.margin, size=48)
        assert np.abs(found.pixels[frame].astype(int) - expected).mean() < 5
    # A crop one frame off would be a pixel off: it fits less well.
    late = crop_face(face_picture(*moving(12), smile=-0.15), found.boxes[16], margin=config.margin, size=48)
    here = crop_face(face_picture(*moving(16), smile=0.05), found.boxes[16], margin=config.margin, size=48)
    differences = [np.abs(found.pixels[16].astype(int) - other).mean() for other in (here, late)]
    assert differences[0] < 0.5 * differences[1]


@pytest.mark.parametrize(("config", "last"), [(CONFIG, 15), (CASCADE, 12)], ids=["blazeface", "cascade"])
def test_frames_without_a_face_are_zero_and_invalid(tmp_path: Path, config: FacesConfig, last: int) -> None:
    """The cascade searches frames 12 and 16; what lies beyond the last detection is unknown."""
    video = write_face_video(tmp_path / "v.mp4", frames=30, place=lambda frame: [HERE] if frame < 16 else [])
    found = find_faces(video, read_video(video).time, size=40, config=config)
    assert found.valid.tolist() == [frame <= last for frame in range(30)]
    assert not found.pixels[~found.valid].any()
    assert np.isnan(found.boxes[~found.valid]).all()
    assert all(picture.any() for picture in found.pixels[found.valid])


def test_a_short_absence_is_bridged(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=26, place=lambda frame: [] if 10 <= frame < 15 else [HERE])
    found = find_faces(video, read_video(video).time, size=40, config=CONFIG)
    assert found.valid.all()


def test_a_video_without_any_face_has_none(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=9, place=lambda frame: [])
    found = find_faces(video, read_video(video).time, size=40, config=CONFIG)
    assert not found.valid.any()
    assert not found.pixels.any()


def test_the_last_frame_is_searched_whatever_the_step(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=11)
    found = find_faces(video, read_video(video).time, size=40, config=resolve(FacesConfig(every=1.0)))
    assert found.valid.all()


def test_the_same_video_gives_the_same_bytes(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=12, place=moving)
    time = read_video(video).time
    threads = cv2.getNumThreads()
    first = find_faces(video, time, size=48, config=CONFIG)
    try:
        cv2.setNumThreads(3)
        second = find_faces(video, time, size=48, config=CONFIG)
    finally:
        cv2.setNumThreads(threads)
    assert first.valid.any()
    assert first.pixels.tobytes() == second.pixels.tobytes()


def test_a_phone_video_is_searched_upright(tmp_path: Path) -> None:
    upright = write_face_video(tmp_path / "upright.mp4", frames=6)
    turned = write_face_video(tmp_path / "turned.mp4", frames=6, order=(0, 1, -1, 0))
    found = [find_faces(video, read_video(video).time, size=48, config=CONFIG) for video in (upright, turned)]
    assert found[1].valid.all()
    assert np.abs(found[0].pixels.astype(int) - found[1].pixels).mean() < 6


@pytest.mark.parametrize(("order", "aspect"), [((-1, 0, 0, 1), 1), ((1, 0, 0, -1), 1), ((1, 0, 0, 1), Fraction(3, 2))])
@DETECTORS
def test_a_mirrored_or_anamorphic_video_is_cropped_as_it_is_shown(
    tmp_path: Path, order: Order, aspect: Fraction | int, config: FacesConfig
) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=6, order=order, aspect=Fraction(aspect))
    found = find_faces(video, read_video(video).time, size=48, config=config)
    assert found.valid.all()
    size, top = (2 * HERE[2] - 3, HERE[1]) if config is CASCADE else (1.6 * HERE[2], HERE[1] + 9)
    np.testing.assert_allclose(found.boxes[:, :3], [[HERE[0], top, size]] * 6, atol=5)
    for box, pixels in zip(found.boxes, found.pixels, strict=True):
        expected = crop_face(face_picture(HERE), box, margin=config.margin, size=48)
        assert np.abs(pixels.astype(int) - expected).mean() < 8


@pytest.mark.parametrize("rate", [4, 1])
@pytest.mark.parametrize("detector", ["auto", *CASCADES])
def test_a_slow_video_has_its_faces_found(tmp_path: Path, rate: int, detector: str) -> None:
    config = resolve(FacesConfig(detector=detector))
    video = write_face_video(tmp_path / "v.mp4", frames=9, rate=rate)
    found = find_faces(video, read_video(video).time, size=40, config=config)
    assert found.valid.all()
    assert not found.other.any()


def test_frames_are_searched_by_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    searched: list[Picture] = []

    def detect(self: CascadeDetector, picture: Picture) -> np.ndarray:
        searched.append(picture)
        return np.zeros((0, 3))

    monkeypatch.setattr(CascadeDetector, "detect", detect)
    config = resolve(FacesConfig(detector="frontalface_alt2"))
    for rate, expected in ((25, 7), (50, 4), (5, 31), (4, 31)):
        video = write_face_video(tmp_path / "v.mp4", frames=31, rate=rate)
        searched.clear()
        find_faces(video, read_video(video).time, size=40, config=config)
        assert len(searched) == expected


def test_a_second_person_who_stands_in_is_told_apart(tmp_path: Path) -> None:
    other = (30.0, 60.0, 26.0)
    video = write_face_video(
        tmp_path / "v.mp4", frames=40, size=(240, 120), place=lambda frame: [HERE_WIDE] if frame < 24 else [other]
    )
    found = find_faces(video, read_video(video).time, size=40, config=CONFIG)
    assert found.valid[:21].all()
    assert not found.other[:21].any()
    assert found.other[28:].all()
    assert (found.other <= found.valid).all()


def test_a_time_line_of_another_video_is_refused(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=6)
    with pytest.raises(InputError, match="6 frames where its time line has 5"):
        find_faces(video, np.arange(5) / 25, size=48, config=CONFIG)
