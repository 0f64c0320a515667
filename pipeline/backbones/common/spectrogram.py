"""The GRJCA paper's spectrogram: 64 x 107 decibels of the 1.07 seconds that end at each video frame.

GRJCA paper, section 2.2: 44.1 kHz, DFT of 1024, windows of 20 ms every 10 ms, 64 bands, log power in dB, mean and
variance normalised. What the paper leaves open is taken from the recipe that it quotes the numbers of (Kuhnke et
al., "Two-Stream Aural-Visual Affect Analysis in the Wild", 2020): torchaudio's mel spectrogram with its defaults
(periodic Hann windows, power, HTK mel bands from 0 to 22 050 Hz), decibels limited to 80 below the patch's loudest,
and the constant mean of -14.8 and deviation of 19.895 over the corpus: constants keep what a patch's own statistics
would take out, how loud it is.

Place in time: row r is centred on sample 441 r, and the patch of a frame is rows R - 106 .. R with R = round(100
time). So it covers what came before, as that recipe does (32 frames at 30 per second end as 107 rows), by the frame's
own time stamp. What lies before or behind the sound is silence.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.backbones.common.batches import run_batches, to_device
from pipeline.backbones.common.datasets import sound_of
from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.clips.clip import Clip
from pipeline.runtime.torchaudio_pure import functional

Rows = npt.NDArray[np.float32]

SAMPLE_RATE: Final = 44_100
WINDOW: Final = 882
HOP: Final = 441
POINTS: Final = 1024
DATASETS: Final = frozenset({f"audio_{SAMPLE_RATE}"})
BANDS: Final = 64
ROWS_PER_SECOND: Final = SAMPLE_RATE // HOP
PATCH: Final = 107
"""Rows of a patch: the centres of the first and the last are 1.06 s apart."""
FLOOR: Final = 1e-10
"""Smallest power that is distinguished: -100 dB."""
RANGE: Final = 80.0
"""Decibels below a patch's loudest that are kept."""
MEAN: Final = -14.8
DEVIATION: Final = 19.895

FRONT_END: Final[dict[str, Any]] = {
    "sample_rate": SAMPLE_RATE,
    "window_s": WINDOW / SAMPLE_RATE,
    "hop_s": HOP / SAMPLE_RATE,
    "fft": POINTS,
    "bands": BANDS,
    "band_hz": [0.0, SAMPLE_RATE / 2],
    "scale": "dB of power, at most 80 below the patch's loudest",
    "mean_db": MEAN,
    "deviation_db": DEVIATION,
    "patch_rows": PATCH,
    "patch_end": "round(100 * time) rows",
}

SAMPLE: Final = 32
"""Patches of synthetic sound on which random weights are fitted."""
SAMPLE_STEP: Final = 0.8
"""Seconds between them."""

_BLOCK: Final = 6000
"""Rows transformed at a time: a minute, so that an hour of sound needs no gigabytes."""


def decibel_rows(pcm16: npt.NDArray[np.int16], *, last: int) -> Rows:
    """Compute the spectrogram's rows from 106 before the sound's first sample on.

    Parameters
    ----------
    pcm16 : (N,) int16 at 44.1 kHz; an empty sound counts as silence
    last : row to end with

    Returns
    -------
    (107 + last, 64) dB; entry i is row i - 106, centred on sample 441 (i - 106)

    Raises
    ------
    ValueError
        `pcm16` is not one-dimensional int16, or `last` is negative.
    """
    if pcm16.ndim != 1 or pcm16.dtype != np.int16:
        raise ValueError(f"sound must be (N,) int16, got {pcm16.shape} {pcm16.dtype}")
    if last < 0:
        raise ValueError(f"the last row must not lie before the sound, got {last}")
    count = PATCH + last
    before = (PATCH - 1) * HOP + POINTS // 2
    signal = np.zeros((count - 1) * HOP + POINTS, dtype=np.int16)
    covered = pcm16[: len(signal) - before]
    signal[before : before + len(covered)] = covered
    window = torch.hann_window(WINDOW)
    filters = functional.melscale_fbanks(POINTS // 2 + 1, 0.0, SAMPLE_RATE / 2, BANDS, SAMPLE_RATE)  # (513, 64)
    rows = np.empty((count, BANDS), dtype=np.float32)
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        block = torch.from_numpy(signal[start * HOP : (stop - 1) * HOP + POINTS]).float() / 32768
        power = functional.spectrogram(block, 0, window, POINTS, HOP, WINDOW, 2.0, False, center=False)  # (513, n)
        decibels = functional.amplitude_to_DB(power.T @ filters, 10.0, FLOOR, 0.0)
        rows[start:stop] = decibels.numpy()
    return rows


def patch_ends(times: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Find the row with which each time's patch ends.

    Parameters
    ----------
    times : (t,) s

    Returns
    -------
    (t,) round(100 time), ties to even; 0 for a time before the sound

    Raises
    ------
    ValueError
        A time is not a finite number.
    """
    if not np.isfinite(times).all():
        raise ValueError(f"time of frame {int(np.argmin(np.isfinite(times)))} is not a finite number")
    return np.maximum(np.rint(ROWS_PER_SECOND * times).astype(np.int64), 0)


def patches_at(rows: Rows, ends: npt.NDArray[np.int64]) -> Rows:
    """Cut the patches that end at `ends` out of `decibel_rows`, limit their range and normalise them, (n, 107, 64)."""
    patches = rows[ends[:, None] + np.arange(PATCH)]
    loudest = patches.max(axis=(1, 2), keepdims=True)
    normalised: Rows = (np.maximum(patches, loudest - RANGE) - np.float32(MEAN)) / np.float32(DEVIATION)
    return normalised


def as_pictures(patches: Tensor) -> Tensor:
    """Turn (n, 107, 64) patches into the (n, 1, 64, 107) pictures that a 2-D network takes."""
    return patches.transpose(1, 2).unsqueeze(1)


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Return for each frame whether its patch holds any of the clip's sound, (T,)."""
    samples = len(sound_of(clip, SAMPLE_RATE))
    first = (patch_ends(clip.time) - (PATCH - 1)) * HOP - WINDOW // 2
    return np.asarray((first < samples) & (clip.time >= 0) & (samples > 0), dtype=np.bool_)


def embed_patches(
    forward: Callable[[Tensor], Tensor], clip: Clip, *, batch: int, device: torch.device
) -> npt.NDArray[np.float32]:
    """Embed the sound that ends at each frame.

    Parameters
    ----------
    forward : maps (n, 107, 64) float32 on `device` to (n, width)
    clip : with sound at 44.1 kHz; no sound at all counts as silence
    batch : patches at a time
    device : where to compute

    Returns
    -------
    (T, width)

    Raises
    ------
    InputError
        The clip holds no sound at 44.1 kHz.
    """
    ends = patch_ends(clip.time)
    rows = decibel_rows(sound_of(clip, SAMPLE_RATE), last=int(ends.max()))
    unique, inverse = np.unique(ends, return_inverse=True)
    parts = ((unique[start : start + batch],) for start in range(0, len(unique), batch))
    return run_batches(lambda part: forward(to_device(patches_at(rows, part), device)), parts, device=device)[inverse]


def embed_pictures(network: nn.Module, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed with a network that takes (n, 1, 64, 107) pictures, (T, width); all else as in `embed_patches`."""
    dtype = next(network.parameters()).dtype

    def forward(patches: Tensor) -> Tensor:
        embedding: Tensor = network(as_pictures(patches).to(dtype, memory_format=torch.channels_last))
        return embedding

    return embed_patches(forward, clip, batch=batch, device=device)


def sample_patches(seed: int) -> Tensor:
    """Return patches of synthetic voices and noises for random weights to be fitted on, (32, 107, 64)."""
    sound = random_sound(SAMPLE * SAMPLE_STEP, seed=seed, rate=SAMPLE_RATE)
    ends = patch_ends(np.arange(1, SAMPLE + 1, dtype=np.float64) * SAMPLE_STEP)
    return torch.from_numpy(patches_at(decibel_rows(sound, last=int(ends.max())), ends))
