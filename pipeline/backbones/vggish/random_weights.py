"""Random VGGish weights whose embeddings move with the sound."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pipeline.backbones.common import synthetic_sound as synthetic
from pipeline.backbones.common.random_layers import fill_vgg
from pipeline.backbones.vggish.log_mel import SAMPLE_RATE, log_mel_rows, patch_starts, patches_at

PATCHES = 64
HOP_SECONDS = 0.6


def fill_random(features: nn.Sequential, embeddings: nn.Sequential, *, seed: int) -> None:
    """Overwrite every number of a VGGish's two parts, in place.

    Parameters
    ----------
    features, embeddings : of the network, on the CPU
    seed : of weights and synthetic sounds
    """
    rows = log_mel_rows(random_sound(PATCHES * HOP_SECONDS, seed=seed))
    starts, _ = patch_starts(np.arange(PATCHES, dtype=np.float64) * HOP_SECONDS, len(rows))
    fill_vgg(features, embeddings, torch.from_numpy(patches_at(rows, starts)), seed=seed)


def random_sound(seconds: float, *, seed: int) -> npt.NDArray[np.int16]:
    """Synthesise voices, hums and noises at the rate that VGGish hears at, (seconds * 16000,)."""
    return synthetic.random_sound(seconds, seed=seed, rate=SAMPLE_RATE)
