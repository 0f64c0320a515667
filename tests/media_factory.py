"""Tiny real media files for tests: H.264 + AAC and their kin, whole, cut off and damaged."""

import random
import struct
from collections.abc import Collection, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 64, 48
CLOCK = 90000

Order = tuple[int, int, int, int]
"""A display matrix: a stored point (p, q) is shown at (a p + c q, b p + d q)."""


def write_video(
    path: Path,
    *,
    frames: int = 30,
    rate: int = 30,
    times: Sequence[float] | None = None,
    video: bool = True,
    audio: NDArray[np.floating] | bool | None = True,
    audio_rate: int = 44100,
    audio_start: float = 0.0,
    video_start: float = 0.0,
    skip_sound: range = range(0),
    codec: str = "libx264",
    sound_codec: str = "aac",
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
    dropped: Collection[int] = (),
    pictures: Sequence[NDArray[np.uint8]] | None = None,
    aspect: Fraction = Fraction(1),
) -> Path:
    """Write a video.

    `times` makes the frame rate variable; `audio` is (channels, n) in [-1, 1], True for a tone as long as the picture;
    `skip_sound` leaves out packets of the sound, `dropped` frames of the picture. `pictures` are noise unless given;
    their pixels are `aspect` times as wide as high.
    """
    if pictures is None:
        noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        pictures = [np.roll(noise, 3 * number, axis=1) for number in range(frames)]
    frames = len(pictures)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=codec_options or {}) if video else None
        if isinstance(stream, av.VideoStream):
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.sample_aspect_ratio = aspect
            # AVI knows nothing but frame numbers, and these encoders no fine clock.
            coarse = path.suffix == ".avi" or codec in {"mpeg4", "mpeg2video"}
            base = Fraction(1, rate if coarse else CLOCK)
            stream.codec_context.time_base = base
        if audio is True:
            n = round(frames / rate * audio_rate)
            audio = 0.5 * np.sin(2 * np.pi * 440 * np.arange(n) / audio_rate)[None]
        sound = None
        if isinstance(audio, np.ndarray):
            layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(audio)]
            sound = container.add_stream(sound_codec, rate=audio_rate, layout=layout)
        if isinstance(stream, av.VideoStream):
            for number in (number for number in range(frames) if number not in dropped):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pictures[number]), format="rgb24")
                frame.time_base = base
                time = times[number] if times is not None else number / rate
                frame.pts = number if path.suffix == ".avi" else round((time + video_start) / base)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if isinstance(audio, np.ndarray) and isinstance(sound, av.AudioStream):
            pcm = np.rint(audio.T * 32767).astype(np.int16).reshape(1, -1)
            step = 1024 * len(audio)
            packets: list[av.Packet[av.AudioStream]] = []
            for first in range(0, pcm.shape[1], step):
                piece = av.AudioFrame.from_ndarray(pcm[:, first : first + step], format="s16", layout=layout)
                piece.sample_rate, piece.time_base = audio_rate, Fraction(1, audio_rate)
                piece.pts = first // len(audio) + round(audio_start * audio_rate)
                packets.extend(sound.encode(piece))
            packets.extend(sound.encode())
            container.mux([packet for number, packet in enumerate(packets) if number not in skip_sound])
    return path


def cut_off(path: Path, share: float = 0.6) -> Path:
    """Keep only the beginning of a file, as a broken download does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def damage(path: Path, share: float = 0.3, count: int = 300) -> Path:
    """Overwrite some bytes in the media data of an MP4."""
    data = bytearray(path.read_bytes())
    begin = data.find(b"mdat")
    first = begin + int(share * (len(data) - begin))
    data[first : first + count] = bytes(count)
    path.write_bytes(bytes(data))
    return path


def flip_bits(path: Path, *, seed: int, count: int, first: int = 0, last: int | None = None) -> Path:
    """Flip random bits between two bytes of a file."""
    data = bytearray(path.read_bytes())
    chosen = random.Random(seed)
    for _ in range(count):
        data[chosen.randrange(first, len(data) if last is None else last)] ^= 1 << chosen.randrange(8)
    path.write_bytes(bytes(data))
    return path


def boxes(path: Path) -> dict[str, range]:
    """Return where each part on the top level of an MP4 lies."""
    data, position, found = path.read_bytes(), 0, {}
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        found[data[position + 4 : position + 8].decode("ascii")] = range(position, position + length)
        position += length
    return found


def order_display(path: Path, order: Order) -> Path:
    """Set the display matrix of an MP4's first track."""
    data = bytearray(path.read_bytes())
    header = data.find(b"tkhd") + 4
    # Version 0 of the box: flags, two times, number and duration, then layer, group, volume, before the matrix.
    matrix = header + 4 + 20 + 8 + 8
    a, b, c, d = (65536 * value for value in order)
    upright = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    assert data[header] == 0
    assert data[matrix : matrix + 36] == upright
    data[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(bytes(data))
    return path


def picture(size: int = 112, *, seed: int = 0, suffix: str = ".jpg") -> bytes:
    """Return the bytes of a smooth random picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(suffix, image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
