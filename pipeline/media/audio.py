"""A file's sound as 16-bit mono at several rates, laid out on the file's own time line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from pipeline.media.clock import LONGEST_GAP, WITHOUT_TIME_STAMPS
from pipeline.media.containers import check_container
from pipeline.media.decoding import REMEDY, SILENT, open_container, seconds
from pipeline.media.downmix import Downmix
from pipeline.media.resampling import Resampler
from pipeline.runtime.errors import InputError, Problem

TOLERANCE = 0.05
"""Seconds by which a packet's time stamp may leave the running count of samples: time stamps are rounded."""

BLOCK = 2**16
"""Samples that are resampled at a time: a packet holds a thousand, and each call costs as much as they do."""

RATES = range(1000, 1_000_001)
"""Hertz; any other sample rate is a damaged header."""


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


def read_audio(path: Path, rates: tuple[int, ...], *, required: bool = True) -> tuple[AudioTrack, ...]:
    """Decode a file's sound once and return it at each of `rates` (hertz).

    Channels are mixed as FFmpeg mixes them. Where packets are missing, silence keeps what follows in its place.

    Parameters
    ----------
    required : whether a file without an audio stream is an error; without one there is no track at any rate

    Raises
    ------
    InputError
        The file cannot be opened, breaks off, has no audio stream, or part of it cannot be decoded: each with its time.
    """
    sound = _decode(path, rates)
    if sound is None and required:
        raise InputError("unusable media", [Problem("there is no audio stream", file=str(path), remedy=SILENT)])
    return () if sound is None else sound.finish()


def sound_length(path: Path) -> float | None:
    """Decode a file's sound and return its length, s; None where the file has no audio stream.

    Raises
    ------
    InputError
        As `read_audio` does.
    """
    sound = _decode(path, ())
    return None if sound is None else sound.count / sound.rate


def _decode(path: Path, rates: tuple[int, ...]) -> "_Sound | None":
    """Decode all sound of a file; None where it has no audio stream and nothing is wrong with it."""
    sound, silent = _Sound(path, rates), False
    try:
        sound.problems += check_container(path)
        with open_container(path) as container:
            stampless = bool(WITHOUT_TIME_STAMPS & set(container.format.name.split(",")))
            stream = container.streams.best("audio")
            if isinstance(stream, av.AudioStream) and stream.codec_context is None:
                sound.refuse("no decoder knows its sound")
            elif isinstance(stream, av.AudioStream):
                for piece, rate, time in _frames(container, stream, sound.failures):
                    if not sound.add(piece, rate, None if stampless else time):
                        break
            else:
                silent = True
    except OSError as error:
        sound.refuse(f"the file does not open: {error.strerror}")
    except InputError as error:
        # What breaks off often does not open either: one word is enough.
        sound.problems = sound.problems or list(error.problems)
    if sound.failures:
        later = len(sound.failures) - 1
        sound.refuse(sound.failures[0] + (f", and {later} later pieces neither" if later else ""))
    if not sound.problems and not sound.count and not silent:
        sound.refuse("the audio stream is empty")
    if sound.problems:
        raise InputError("unusable media", sound.problems)
    return None if silent else sound


class _Sound:
    """Puts decoded pieces one behind the other, by their time."""

    def __init__(self, path: Path, rates: tuple[int, ...]) -> None:
        self.problems: list[Problem] = []
        self.failures: list[str] = []
        self.notes: list[str] = []
        self.resamplers: list[Resampler] = []
        self.rate, self.start, self.count = 0, 0.0, 0
        self._path, self._rates = path, rates
        self._waiting: list[NDArray[np.float64]] = []
        self._held = 0

    def refuse(self, message: str, remedy: str = REMEDY) -> bool:
        self.problems.append(Problem(message, file=str(self._path), remedy=remedy))
        return False

    def add(self, piece: NDArray[np.float64], rate: int, time: float | None) -> bool:
        """Take one piece; False where nothing can follow it."""
        if not self.rate:
            if rate not in RATES:
                return self.refuse(f"its sample rate is {rate} Hz")
            self.rate, self.start = rate, time or 0.0
            self.resamplers = [Resampler(rate, wanted) for wanted in self._rates]
        end = self.start + self.count / self.rate
        if rate != self.rate:
            at = self.count / self.rate
            return self.refuse(f"the sample rate changes from {self.rate} to {rate} Hz at {at:.2f} s")
        drift = 0.0 if time is None else time - end
        if abs(drift) > LONGEST_GAP:
            return self.refuse(f"time stamps jump by {drift:.1f} s at {end:.2f} s of the sound")
        if drift > TOLERANCE:
            self.notes.append(f"{drift:.3f} s of sound are missing at {end:.2f} s: silence put there")
            self._push(np.zeros(round(drift * rate)))
        elif drift < -TOLERANCE:
            self.notes.append(f"{-drift:.3f} s of sound overlap at {end:.2f} s: left out")
            piece = piece[round(-drift * rate) :]
        self._push(piece)
        return True

    def _push(self, samples: NDArray[np.float64]) -> None:
        self.count += len(samples)
        self._held += len(samples)
        self._waiting.append(samples)
        if self._held >= BLOCK:
            self._resample()

    def _resample(self) -> None:
        if self._waiting:
            block = np.concatenate(self._waiting)
            for resampler in self.resamplers:
                resampler.push(block)
        self._waiting, self._held = [], 0

    def finish(self) -> tuple[AudioTrack, ...]:
        """Return the sound at each rate."""
        self._resample()
        notes = tuple(self.notes)
        return tuple(AudioTrack(each.finish(), each.rate, self.start, notes) for each in self.resamplers)


def _frames(
    container: av.container.InputContainer, stream: av.AudioStream, failures: list[str]
) -> Iterator[tuple[NDArray[np.float64], int, float | None]]:
    """Yield (mono samples, rate, presentation time in seconds) of each decoded frame; note what cannot be decoded."""
    mono = Downmix()
    reached = 0.0
    for packet in container.demux(stream):
        try:
            frames = [frame for frame in packet.decode() if isinstance(frame, av.AudioFrame)]
        except av.FFmpegError as error:
            failures.append(f"the sound cannot be decoded after {reached:.2f} s: {error.strerror}")
            continue
        if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
            failures.append(f"the sound cannot be decoded after {reached:.2f} s: it is damaged")
        for frame in frames:
            time = None if frame.pts is None or frame.time_base is None else seconds(frame.pts, frame.time_base)
            reached = reached + frame.samples / frame.sample_rate if time is None else time
            yield mono(frame), frame.sample_rate, time
