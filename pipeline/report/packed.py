"""Numbers for the page's script: base64 of small integers, a third of what they take as text."""

from base64 import b64encode

import numpy as np
import numpy.typing as npt

STEPS = 65534
"""Steps between a column's limits: far finer than a pixel."""
GAP = -32768
"""Stands for NaN."""


def pack(values: npt.NDArray[np.floating], *, low: float, high: float) -> str:
    """Return values (n,) as little-endian 16-bit integers from -32767 for `low` to 32767 for `high`, in base64."""
    scaled = (np.clip(values.astype(np.float64), low, high) - low) / (high - low) * STEPS - STEPS / 2
    whole = np.where(np.isnan(scaled), GAP, np.rint(np.nan_to_num(scaled))).astype("<i2")
    return b64encode(whole.tobytes()).decode("ascii")


def pack_times(seconds: npt.NDArray[np.float64]) -> str:
    """Return seconds (n,) as little-endian float32, in base64: half a millisecond in two hours."""
    return b64encode(seconds.astype("<f4").tobytes()).decode("ascii")


def pack_bytes(values: bytes) -> str:
    """Return bytes in base64."""
    return b64encode(values).decode("ascii")
