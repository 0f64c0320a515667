"""VGGish's front end: log-mel rows of 10 ms, and the 0.96-second patch that begins at each video frame.

Numbers of the published ``vggish_params``: 16 kHz, 25 ms periodic Hann windows every 10 ms without centring, magnitude
of a 512-point spectrum, 64 bands between 125 and 7500 Hz on the HTK mel scale, ln(mel + 0.01). The triangles are linear
in *mel*; torchaudio's filter banks are linear in hertz, which moves the result by 0.01, and are therefore not used.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.runtime.errors import InputError, Problem

Rows = npt.NDArray[np.float32]

SAMPLE_RATE: Final = 16_000
WINDOW: Final = 400
HOP: Final = 160
POINTS: Final = 512
BANDS: Final = 64
LOWEST, HIGHEST = 125.0, 7500.0
OFFSET: Final = 0.01
ROWS_PER_SECOND: Final = SAMPLE_RATE // HOP
PATCH: Final = 96
"""Rows of a patch: 0.96 s."""
PAD: Final = SAMPLE_RATE
"""Copies of the last sample appended to the sound: one second, so that the last frames' patches exist."""

FRONT_END: Final[dict[str, Any]] = {
    "sample_rate": SAMPLE_RATE,
    "window_s": WINDOW / SAMPLE_RATE,
    "hop_s": HOP / SAMPLE_RATE,
    "fft": POINTS,
    "bands": BANDS,
    "band_hz": [LOWEST, HIGHEST],
    "scale": "ln(mel + 0.01)",
    "patch_s": PATCH / ROWS_PER_SECOND,
    "patch_start": "round(100 * time) rows",
    "edge_padding_s": PAD / SAMPLE_RATE,
}

_BLOCK: Final = 6000
"""Rows transformed at a time: a minute, so that an hour of sound needs no gigabytes."""


def check_rate(rate: int, *, trial: str, what: str) -> None:
    """Refuse sound at another rate than 16 kHz.

    Raises
    ------
    InputError
        Names the trial and the setting; `what` was under way.
    """
    if rate != SAMPLE_RATE:
        message = f"sound at {rate} Hz, but VGGish expects {SAMPLE_RATE} Hz"
        raise InputError(what, [Problem(message, trial=trial, remedy=f"set `clips.sample_rate: {SAMPLE_RATE}`")])


def _mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz, dtype=np.float64) / 700.0))


def mel_filters() -> npt.NDArray[np.float64]:
    """Return the (257, 64) triangles; bin 0 (the mean of the signal) weighs nothing."""
    bins = _mel(np.linspace(0.0, SAMPLE_RATE / 2, POINTS // 2 + 1))[:, None]
    edges = np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    filters = np.clip(np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)), 0.0, None)
    filters[0] = 0.0
    return np.asarray(filters)


def row_count(samples: int) -> int:
    """Return how many rows `log_mel_rows` makes of so many samples."""
    return 1 + (max(samples, 1) + PAD - WINDOW) // HOP


def log_mel_rows(pcm16: npt.NDArray[np.int16]) -> Rows:
    """Compute the log-mel rows of a sound and of one second of edge padding behind it.

    Parameters
    ----------
    pcm16 : (N,) int16 at 16 kHz; an empty sound counts as silence

    Returns
    -------
    (`row_count`, 64); row r covers the samples from 160 r on

    Raises
    ------
    ValueError
        `pcm16` is not one-dimensional int16.
    """
    if pcm16.ndim != 1 or pcm16.dtype != np.int16:
        raise ValueError(f"sound must be (N,) int16, got {pcm16.shape} {pcm16.dtype}")
    last = pcm16[-1:] if len(pcm16) else np.zeros(1, dtype=np.int16)
    signal = np.concatenate([pcm16, np.repeat(last, PAD)])
    frames = np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    filters = mel_filters()
    rows = np.empty((len(frames), BANDS), dtype=np.float32)
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK] * (hann / 32768.0)
        magnitude = np.abs(np.fft.rfft(block, POINTS, axis=1))
        rows[start : start + _BLOCK] = np.log(magnitude @ filters + OFFSET)
    return rows


def patch_starts(times: npt.NDArray[np.float64], rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Find the row at which each time's patch begins.

    Parameters
    ----------
    times : (t,) s
    rows : how many log-mel rows there are

    Returns
    -------
    starts : (t,), round(100 time) with ties to even; the first or last whole patch stands in for one outside
    valid : (t,), False where one stands in: the time lies before the sound, or behind it

    Raises
    ------
    ValueError
        A time is not a number, or there is not one whole patch.
    """
    if rows < PATCH:
        raise ValueError(f"{rows} log-mel rows do not make one patch of {PATCH}")
    if not np.isfinite(times).all():
        raise ValueError(f"time of frame {int(np.argmin(np.isfinite(times)))} is not a finite number")
    exact = np.rint(ROWS_PER_SECOND * times).astype(np.int64)
    starts = np.clip(exact, 0, rows - PATCH)
    return starts, exact == starts


def patches_at(rows: Rows, starts: npt.NDArray[np.int64]) -> Rows:
    """Cut the (n, 96, 64) patches that begin at `starts` out of (r, 64) rows."""
    return np.ascontiguousarray(rows[starts[:, None] + np.arange(PATCH)])


def log_mel_patches(pcm16: npt.NDArray[np.int16], times: npt.ArrayLike) -> Rows:
    """Cut the log-mel patch that begins at each time and covers the next 0.96 s.

    Parameters
    ----------
    pcm16 : (N,) int16 at 16 kHz; one second of its last sample is appended
    times : (t,) s

    Returns
    -------
    (t, 96, 64); a time outside the sound gets the first or last whole patch

    Raises
    ------
    ValueError
        A time is not a finite number, or the sound is not (N,) int16.
    """
    rows = log_mel_rows(pcm16)
    starts, _ = patch_starts(np.asarray(times, dtype=np.float64), len(rows))
    return patches_at(rows, starts)
