"""Embedding the 44.1 kHz spectrogram frame by frame, and spectrograms of synthetic sound for random weights."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.backbones.common.datasets import sound_of
from pipeline.backbones.common.spectrogram_44k import SAMPLE_RATE, decibel_rows, heard, patch_ends, patches_at
from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.backbones.common.transfer import run_batches, to_device
from pipeline.clips.clip import Clip

NEEDS = frozenset({f"audio_{SAMPLE_RATE}"})

PATCHES = 32
HOP_SECONDS = 0.8


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


def patches_heard(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether its patch holds any sound, (T,)."""
    return heard(clip.time, len(sound_of(clip, SAMPLE_RATE)))


def pictures(patches: Tensor) -> Tensor:
    """Turn (n, 107, 64) patches into the (n, 1, 64, 107) pictures that a 2-D network looks at."""
    return patches.transpose(1, 2).unsqueeze(1)


def random_patches(*, seed: int) -> Tensor:
    """Return patches of synthetic voices and noises for random weights to be fitted on, (32, 107, 64)."""
    sound = random_sound(PATCHES * HOP_SECONDS, seed=seed, rate=SAMPLE_RATE)
    ends = patch_ends(np.arange(1, PATCHES + 1, dtype=np.float64) * HOP_SECONDS)
    return torch.from_numpy(patches_at(decibel_rows(sound, last=int(ends.max())), ends))
