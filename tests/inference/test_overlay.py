from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from pipeline.inference.overlay import BOX, Panel, write_overlay
from pipeline.media.audio import read_audio
from pipeline.media.timeline import common_timeline
from pipeline.media.video import read_video
from tests import media_factory
from tests.face_factory import face_picture, write_face_video

RANGES = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}
Boxes = npt.NDArray[np.float64]


def overlay(video: Path, path: Path, *, box: tuple[float, float, float] = (80, 60, 40)) -> list[npt.NDArray[np.uint8]]:
    """Write the overlay of a video; return its pictures."""
    track = read_video(video)
    audio = read_audio(video, (16000,), required=False)
    time = common_timeline(track, audio, path=video).time
    said = np.linspace(-1, 1, 2 * len(time), dtype=np.float32).reshape(-1, 2)
    boxes = np.tile(np.array(box, dtype=np.float64), (len(time), 1))
    boxes[-1] = np.nan
    write_overlay(path, video, said, time=time, zero=float(track.time[0] - time[0]), ranges=RANGES, boxes=boxes)
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8) for frame in container.decode(video=0)]


def near(picture: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(picture.astype(int) - colour).max(axis=2) < 60)


def test_pictures_keep_their_times_and_the_box_is_where_the_face_is(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=12)
    pictures = overlay(video, tmp_path / "o.mp4")
    assert len(pictures) == 12
    # 160 x 120 is enlarged to 480 x 360, and the panel has two rows below.
    assert pictures[0].shape == (360 + 2 * 58, 480, 3)
    assert near(pictures[5][:360, 179:183], BOX).any()
    assert near(pictures[5][:360, 298:302], BOX).any()
    rows = np.flatnonzero(near(pictures[5][:360], BOX).sum(axis=1) > 90)
    assert abs(rows.min() - 120) < 5
    assert abs(rows.max() - 240) < 5
    assert near(pictures[5][:360], BOX).sum() > 3 * near(pictures[11][:360], BOX).sum()
    np.testing.assert_allclose(read_video(tmp_path / "o.mp4").time, np.arange(12) / 25, atol=1e-3)


@pytest.mark.parametrize(("name", "codec"), [("v.mp4", "aac"), ("v.mkv", "pcm_s16le"), ("v.mkv", "flac")])
def test_the_sound_is_kept_and_stays_in_step(name: str, codec: str, tmp_path: Path) -> None:
    rate = 44100
    samples = np.zeros((1, rate * 2))
    samples[0, rate : rate + 2000] = 0.8 * np.sin(np.arange(2000) / 5)
    video = media_factory.write_video(
        tmp_path / name, frames=50, rate=25, audio=samples, audio_rate=rate, sound_codec=codec, video_start=0.2
    )
    overlay(video, tmp_path / "o.mp4")
    begins = []
    for path in (video, tmp_path / "o.mp4"):
        (track,) = read_audio(path, (rate,))
        loud = np.flatnonzero(np.abs(track.samples) > 3000)
        picture = read_video(path).time[0]
        begins.append(track.start + loud[0] / rate - picture)
    assert begins[1] == pytest.approx(begins[0], abs=0.03)


def test_a_silent_video_has_a_silent_overlay(tmp_path: Path) -> None:
    pictures = [face_picture((80, 60, 40))] * 5
    video = media_factory.write_video(tmp_path / "v.mp4", pictures=pictures, rate=25, audio=None)
    assert len(overlay(video, tmp_path / "o.mp4")) == 5
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert not container.streams.audio


def test_a_rotated_video_is_upright_and_odd_sizes_are_made_even(tmp_path: Path) -> None:
    turned = write_face_video(tmp_path / "v.mp4", frames=4, order=(0, 1, -1, 0), size=(640, 360))
    (picture, *_) = overlay(turned, tmp_path / "o.mp4")
    assert picture.shape[1] == 640
    assert picture.shape[0] == 360 + Panel(640, np.zeros((4, 2)), np.arange(4.0), RANGES).height
    odd = [np.full((91, 641, 3), 90, np.uint8)] * 3
    video = media_factory.write_video(tmp_path / "odd.mkv", pictures=odd, codec="ffv1", rate=25, audio=None)
    assert all(side % 2 == 0 for side in overlay(video, tmp_path / "o2.mp4")[0].shape[:2])


def test_bars_and_traces_follow_the_numbers() -> None:
    time = np.arange(250) / 25
    said = np.stack([np.full(250, 0.8), np.full(250, -0.8)], axis=1)
    panel = Panel(480, said, time, RANGES)
    drawn = panel.draw(200)
    assert drawn.shape == (panel.height, 480, 3)
    blue = np.argwhere(near(drawn, (42, 111, 187)))
    red = np.argwhere(near(drawn, (209, 73, 91)))
    row = panel.height / 2
    assert (blue[:, 0] < row).all()
    assert (red[:, 0] >= row).all()
    # High values are drawn above the middle of their row, low ones below.
    assert blue[blue[:, 1] > 300][:, 0].mean() < row * 0.3
    assert red[red[:, 1] > 300][:, 0].mean() > row * 1.7
    said[:, 0] = np.nan
    assert not near(Panel(480, said, time, RANGES).draw(200), (42, 111, 187)).any()


def test_frames_at_one_time_get_ticks_of_their_own(tmp_path: Path) -> None:
    video = write_face_video(tmp_path / "v.mp4", frames=5)
    time = np.array([0.0, 0.04, 0.04, 0.08, 0.12])
    said, boxes = np.zeros((5, 2), np.float32), np.full((5, 3), np.nan)
    write_overlay(tmp_path / "o.mp4", video, said, time=time, zero=0.0, ranges=RANGES, boxes=boxes)
    with av.open(str(tmp_path / "o.mp4")) as container:
        stamps = [Fraction(frame.pts) for frame in container.decode(video=0) if frame.pts is not None]
    assert len(set(stamps)) == 5
