"""A small video rendered, encoded and decoded: FFmpeg, OpenCV and the demo's own drawing."""

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.demo import layout
from pipeline.demo.render import Scene, render_video
from pipeline.demo.roster import cast
from pipeline.media.audio import read_audio
from pipeline.media.blazeface import BlazeFaceDetector
from pipeline.media.detectors import model_path
from pipeline.media.face_crops import crop_aligned, crop_square
from pipeline.media.geometry import square_pixels
from pipeline.media.pictures import Picture, decode_pictures
from pipeline.media.resampling import Resampler
from tests.demo.factory import small
from tests.numerics.operations import Values


def media() -> Iterator[tuple[str, Values]]:
    """Yield what was written, and what is read back from it."""
    config = small(seconds=2.0, latent_period=1.0, picture={"width": 96, "height": 96})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / layout.VIDEOS).mkdir()
        render_video(Scene(config, cast(config.trials)[0], root))
        files = sorted(path for path in root.rglob("*") if path.is_file())
        for suffix in sorted({path.suffix for path in files}):
            contents = b"".join(path.read_bytes() for path in files if path.suffix == suffix)
            yield f"files {suffix}", (np.frombuffer(contents, dtype=np.uint8),)
        video = next(path for path in files if path.suffix in {".mp4", ".avi", ".mkv", ".mov"})
        pictures = [frame.rgb() for frame in decode_pictures(video)]
        yield "decoded pictures", tuple(pictures)
        yield "grey pictures", tuple(frame.grey() for frame in decode_pictures(video))
        box = np.array([21.3, 12.7, 67.9, 71.2])
        yield "cropped faces", tuple(crop_square(picture, box, margin=0.2, size=48) for picture in pictures)
        face = np.array([*box[:3], 31.2, 40.1, 58.4, 43.3, 44.9, 56.2, 43.1, 68.8, np.nan, np.nan, np.nan, np.nan])
        yield "aligned faces", tuple(crop_aligned(picture, face, size=48) for picture in pictures)
        yield "pictures with square pixels", tuple(square_pixels(picture, Fraction(16, 11)) for picture in pictures)
        yield "found faces", tuple(_found(frame) for frame in decode_pictures(video))
        yield "decoded sound", tuple(track.samples for track in read_audio(video, (16000, 44100)))
    yield "resampled sound", tuple(_resampled(rate) for rate in (8000, 22254, 44100, 47999, 48000))


def _found(picture: Picture) -> NDArray[np.float64]:
    path = model_path()
    assert path is not None
    return BlazeFaceDetector(path, score=0.5, smallest=0.05).detect(picture)


def _resampled(rate: int) -> NDArray[np.int16]:
    resampler = Resampler(rate, 16000)
    resampler.push((np.arange(6000) * 7919 % 32768 - 16384) / 32768)
    return resampler.finish()
