"""A file's sound as 16-bit mono at one rate, laid out on the file's own time line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.media.video import REMEDY, WITHOUT_TIME_STAMPS
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.torchaudio_pure import functional

FULL_SCALE = 32768.0
SCALES = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "flt": 1.0, "dbl": 1.0}
"""Full scale of each of FFmpeg's sample formats."""

TOLERANCE = 0.05
"""Seconds by which a packet's time stamp may leave the running count of samples: time stamps are rounded."""

LONGEST_GAP = 60.0
"""Seconds past which a jump in the time stamps is taken for damage and not for silence."""

BLOCK_SECONDS = 30
"""Length of the blocks that are resampled one by one, so that an hour of sound needs no gigabytes."""


@dataclass(frozen=True)
class AudioTrack:
    """Mono sound.

    Parameters
    ----------
    samples : (N,) int16
    rate : samples per second
    start : seconds on the container's clock at which sample 0 stands
    notes : what was found and mended, for people
    """

    samples: NDArray[np.int16]
    rate: int
    start: float
    notes: tuple[str, ...]


def read_audio(path: Path, rates: tuple[int, ...]) -> tuple[AudioTrack, ...]:
    """Decode a file's sound once and return it at each of `rates` (hertz).

    Channels are averaged. Where packets are missing, silence keeps what follows in its place.

    Raises
    ------
    InputError
        The file cannot be opened, has no audio stream, or part of it cannot be decoded: each with its time.
    """
    mono, source_rate, start, notes = _decode(path)
    return tuple(
        AudioTrack(samples=to_int16(resample(mono, source_rate, rate)), rate=rate, start=start, notes=notes)
        for rate in rates
    )


def resample(samples: NDArray[np.float32], source_rate: int, rate: int) -> NDArray[np.float64]:
    """Resample (n,) samples with torchaudio's windowed sinc; (ceil(n rate / source_rate),).

    It is computed in double precision: the rounding to 16 bits then hides what differs between processors.
    """
    if source_rate == rate:
        return samples.astype(np.float64)
    divisor = int(np.gcd(source_rate, rate))
    step_in, step_out = source_rate // divisor, rate // divisor
    # Each block starts on a whole period of both rates and carries enough context for the filter's reach.
    periods = max(1, BLOCK_SECONDS * source_rate // step_in)
    context = 1 + 8 * max(source_rate, rate) // (rate * step_in)
    blocks: list[NDArray[np.float64]] = []
    for first in range(0, len(samples), periods * step_in):
        before = min(first, context * step_in)
        block = samples[first - before : first + (periods + context) * step_in].astype(np.float64)
        output = functional.resample(torch.from_numpy(block), source_rate, rate).numpy()
        skipped = before // step_in * step_out
        last = first + periods * step_in >= len(samples)
        blocks.append(output[skipped:] if last else output[skipped : skipped + periods * step_out])
    return np.concatenate(blocks) if blocks else np.zeros(0)


def to_int16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    """Round samples in [-1, 1) to 16 bits; what lies outside is clipped, never wrapped."""
    scaled = np.rint(samples * FULL_SCALE)
    clipped: NDArray[np.int16] = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return clipped


def _decode(path: Path) -> tuple[NDArray[np.float32], int, float, tuple[str, ...]]:
    problems: list[Problem] = []
    pieces: list[NDArray[np.float32]] = []
    notes: list[str] = []
    rate, start, count = 0, 0.0, 0
    try:
        with av.open(str(path)) as container:
            stampless = bool(WITHOUT_TIME_STAMPS & set(container.format.name.split(",")))
            for piece, piece_rate, time in _frames(path, container, problems):
                if not pieces:
                    rate, start = piece_rate, 0.0 if stampless or time is None else time
                if piece_rate != rate:
                    message = f"the sample rate changes from {rate} to {piece_rate} Hz at {count / rate:.2f} s"
                    problems.append(Problem(message, file=str(path), remedy=REMEDY))
                    break
                drift = 0.0 if stampless or time is None else time - (start + count / rate)
                if abs(drift) > LONGEST_GAP:
                    message = f"time stamps jump by {drift:.1f} s at {start + count / rate:.2f} s of the sound"
                    problems.append(Problem(message, file=str(path), remedy=REMEDY))
                    break
                if abs(drift) > TOLERANCE:
                    notes.append(_mend(pieces, drift, rate, at=start + count / rate))
                    piece = piece[max(0, round(-drift * rate)) :]
                    count += max(0, round(drift * rate))
                pieces.append(piece)
                count += len(piece)
    except av.FFmpegError as error:
        problems.append(Problem(f"the sound cannot be read: {error.strerror}", file=str(path), remedy=REMEDY))
    if not problems and not count:
        problems.append(Problem("the audio stream is empty", file=str(path), remedy=REMEDY))
    if problems:
        raise InputError("unusable sound", problems)
    return np.concatenate(pieces), rate, start, tuple(notes)


def _mend(pieces: list[NDArray[np.float32]], drift: float, rate: int, *, at: float) -> str:
    if drift > 0:
        pieces.append(np.zeros(round(drift * rate), dtype=np.float32))
        return f"{drift:.3f} s of sound are missing at {at:.2f} s: silence put there"
    return f"{-drift:.3f} s of sound overlap at {at:.2f} s: left out"


def _frames(
    path: Path, container: "av.container.InputContainer", problems: list[Problem]
) -> Iterator[tuple[NDArray[np.float32], int, float | None]]:
    """Yield (mono samples, rate, presentation time in seconds) of each decoded frame."""
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream):
        problems.append(Problem("there is no audio stream", file=str(path), remedy=REMEDY))
        return
    reached = 0.0
    for packet in container.demux(stream):
        try:
            frames = [frame for frame in packet.decode() if isinstance(frame, av.AudioFrame)]
        except av.FFmpegError as error:
            message = f"the sound cannot be decoded after {reached:.2f} s: {error.strerror}"
            problems.append(Problem(message, file=str(path), remedy=REMEDY))
            continue
        for frame in frames:
            time = None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)
            reached = reached + frame.samples / frame.sample_rate if time is None else time
            yield _mono(frame), frame.sample_rate, time


def _mono(frame: av.AudioFrame) -> NDArray[np.float32]:
    name = frame.format.name.removesuffix("p")
    channels = len(frame.layout.channels)
    data = frame.to_ndarray()
    samples = data if frame.format.is_planar else data.reshape(-1, channels).T
    centred = samples.astype(np.float64) - (128.0 if name == "u8" else 0.0)
    mono: NDArray[np.float32] = (centred.mean(axis=0) / SCALES[name]).astype(np.float32)
    return mono
