"""Sound at another rate, piece by piece, as 16-bit samples."""

import numpy as np
import soxr
from numpy.typing import NDArray

FULL_SCALE = 32768.0


class Resampler:
    """Resamples one mono sound that comes in pieces; how it is cut does not matter.

    libsoxr's best quality: flat up to 0.91 of the lower Nyquist frequency, 140 dB down above it, without delay. It
    computes in double precision, so that rounding to 16 bits hides what may differ between processors. Its memory does
    not depend on the rates or on the length.

    Parameters
    ----------
    source_rate, rate : hertz
    """

    def __init__(self, source_rate: int, rate: int) -> None:
        self.rate = rate
        self._stream = (
            None if source_rate == rate else soxr.ResampleStream(source_rate, rate, 1, dtype="float64", quality="VHQ")
        )
        self._pieces: list[NDArray[np.int16]] = []

    def push(self, samples: NDArray[np.float64], *, last: bool = False) -> None:
        """Take the next (n,) samples, full scale at 1."""
        output = samples if self._stream is None else self._stream.resample_chunk(samples, last=last)
        self._pieces.append(to_int16(output))

    def finish(self) -> NDArray[np.int16]:
        """Return everything, (round(n rate / source_rate),)."""
        self.push(np.zeros(0), last=True)
        return np.concatenate(self._pieces)


def to_int16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    """Round samples in [-1, 1) to 16 bits; what lies outside is clipped, never wrapped."""
    scaled = np.rint(samples * FULL_SCALE)
    clipped: NDArray[np.int16] = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return clipped
