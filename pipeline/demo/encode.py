"""Writing one video: H.264 and AAC in MP4, byte for byte the same on every run."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

_CHUNK = 1024
# One thread and no version strings or dates: the same pictures give the same bytes.
_CONTAINER = {"fflags": "+bitexact"}
_VIDEO = {"preset": "superfast", "crf": "20", "threads": "1", "x264-params": "threads=1:lookahead_threads=1"}


def write_video(
    path: Path,
    pictures: Iterable[npt.NDArray[np.uint8]],
    *,
    ticks: npt.NDArray[np.int64],
    time_base: Fraction,
    size: tuple[int, int],
    samples: npt.NDArray[np.int16],
    sample_rate: int,
) -> None:
    """Encode pictures and sound.

    Parameters
    ----------
    path : the MP4 file to write
    pictures : (height, width, 3) RGB, one per element of `ticks`
    ticks : (T,) presentation times in units of `time_base`, increasing by any steps
    time_base : seconds per tick
    size : width and height in pixels, both even
    samples : (N,) mono
    sample_rate : in hertz

    Raises
    ------
    ValueError
        `pictures` and `ticks` differ in number.
    """
    with av.open(str(path), "w", container_options=_CONTAINER) as container:
        # The nominal rate only steers the encoder's rate control; the time stamps are those of `ticks`.
        rate = Fraction(len(ticks) - 1, int(ticks[-1] - ticks[0])) / time_base
        video = container.add_stream("libx264", rate=rate.limit_denominator(1001), options=_VIDEO)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = time_base
        video.codec_context.flags |= av.codec.context.Flags.bitexact
        audio = container.add_stream("aac", rate=sample_rate, options={"threads": "1"}, layout="mono", bit_rate=96_000)
        audio.codec_context.flags |= av.codec.context.Flags.bitexact

        def write_sound(start: int, end: int) -> int:
            while start < end:
                piece = samples[start : start + _CHUNK]
                block = av.AudioFrame.from_ndarray(piece[None], format="s16", layout="mono")
                block.sample_rate, block.pts, block.time_base = sample_rate, start, Fraction(1, sample_rate)
                container.mux(audio.encode(block))
                start += _CHUNK
            return start

        heard = 0
        for tick, picture in zip(ticks, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = int(tick), time_base
            container.mux(video.encode(frame))
            heard = write_sound(heard, min(int(tick * time_base * sample_rate), len(samples)))
        write_sound(heard, len(samples))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
