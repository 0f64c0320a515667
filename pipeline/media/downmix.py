"""Any layout of channels as one, the way FFmpeg does it (libswresample, `-ac 1` to whole numbers)."""

from contextlib import suppress
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray

FRONT, CENTRE, REAR = 2**-0.5, 1.0, 0.5
"""Weights of a front channel (-3 dB in each of two), the centre, and a surround (-3 dB once more)."""

WEIGHTS = {
    "FC": CENTRE,
    **dict.fromkeys(("FL", "FR", "FLC", "FRC", "TFL", "TFR", "DL", "DR"), FRONT),
    **dict.fromkeys(("SL", "SR", "BL", "BR", "BC"), REAR),
}
"""Weight of each channel; what is not named, such as the low-frequency effects, is left out."""


def mono_weights(channels: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the share of each channel in the mix, which add up to one so that nothing is clipped.

    Parameters
    ----------
    channels : FFmpeg's names, such as ``("FL", "FR", "FC", "LFE", "SL", "SR")``
    """
    weights = np.array([WEIGHTS.get(name, 0.0) for name in channels])
    if not weights.any():
        weights[:] = 1.0
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


class Downmix:
    """Turns decoded frames of one stream to mono in double precision; their format and layout may change."""

    def __init__(self) -> None:
        self._form: tuple[str, str, int] | None = None

    def __call__(self, frame: av.AudioFrame) -> NDArray[np.float64]:
        """Return (n,) samples, full scale at 1."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            # FFmpeg knows the scale of every format. Nothing is mixed here: the bytes would depend on its build.
            self._unpack = av.AudioResampler(format="dbl", layout=frame.layout.name, rate=frame.sample_rate)
            self._weights = mono_weights(_channels(frame.layout))
            self._form = form
        count = len(self._weights)
        pieces = [_samples(piece, count) for piece in self._unpack.resample(frame)]
        samples = np.concatenate(pieces) if pieces else np.zeros((0, count))
        mono = np.zeros(len(samples))
        for weight, channel in zip(self._weights, samples.T, strict=True):
            mono += weight * channel
        return mono


def _samples(frame: av.AudioFrame, count: int) -> NDArray[np.float64]:
    """View a packed frame as (n, count); its buffer may go on behind the last sample."""
    plane = cast("memoryview[int]", frame.planes[0])  # PyAV's types do not say that it is a buffer
    return np.frombuffer(plane, dtype=np.float64, count=frame.samples * count).reshape(-1, count)


def _channels(layout: av.AudioLayout) -> tuple[str, ...]:
    """Name the channels; a file that only counts them has the usual ones, as FFmpeg takes it, if there are any."""
    channels = tuple(channel.name for channel in layout.channels)
    if "NONE" in channels:
        with suppress(ValueError):
            return tuple(channel.name for channel in av.AudioLayout(f"{len(channels)}c").channels)
    return channels
