"""Random VGGish weights whose embeddings move with the sound."""

import numpy as np
import torch

from pipeline.backbones.common.random_weights import fill_vgg
from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.backbones.vggish.front_end import SAMPLE_RATE, log_mel_patches
from pipeline.backbones.vggish.network import VGGish

PATCHES = 64
HOP_SECONDS = 0.6


def fill_random(network: VGGish, seed: int) -> None:
    """Overwrite every number, in place."""
    sound = random_sound(PATCHES * HOP_SECONDS, seed=seed, rate=SAMPLE_RATE)
    patches = log_mel_patches(sound, np.arange(PATCHES) * HOP_SECONDS)
    fill_vgg(network.features, network.embeddings, torch.from_numpy(patches), seed=seed)
