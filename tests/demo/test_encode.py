from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.demo.encode import write_video

TICKS = np.array([0, 33, 66, 133, 173, 206, 273, 306], dtype=np.int64)
TONE = np.round(9000 * np.sin(2 * np.pi * 440 * np.arange(16000 * 339 // 1000) / 16000)).astype(np.int16)


def pictures() -> list[np.ndarray]:
    ramp = np.linspace(0, 200, 96)[None, :, None] + np.zeros((64, 96, 3))
    return [(ramp + 6 * index).astype(np.uint8) for index in range(len(TICKS))]


def write(path: Path) -> Path:
    write_video(
        path, pictures(), ticks=TICKS, time_base=Fraction(1, 1000), size=(96, 64), samples=TONE, sample_rate=16000
    )
    return path


def test_time_stamps_pictures_and_sound_come_back(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.audio[0].codec_context.name == "aac"
    assert [round(float(frame.time) * 1000) for frame in decoded] == TICKS.tolist()
    for frame, picture in zip(decoded, pictures(), strict=True):
        assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - picture).mean() < 4
    with av.open(str(path)) as container:
        blocks = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    assert len(np.concatenate(blocks)) == pytest.approx(len(TONE), abs=1100)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a.mp4").read_bytes() == write(tmp_path / "b.mp4").read_bytes()


def test_pictures_and_time_stamps_must_match(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_video(
            tmp_path / "a.mp4",
            pictures()[:-1],
            ticks=TICKS,
            time_base=Fraction(1, 1000),
            size=(96, 64),
            samples=TONE,
            sample_rate=16000,
        )
