"""VGGish's network on the GRJCA paper's own spectrogram: 1.07 s at 44.1 kHz to 128 numbers.

GRJCA paper, sections 1.2 and 2.2: a VGG after Hershey et al., 2017, on spectrograms of 64 x 107. VGGish's checkpoint
loads as a start for tuning. Its features are of use on this input only after that: it was trained on another scale,
ln(mel + 0.01) at 16 kHz.
"""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from pipeline.backbones.common.checkpoints import build_network
from pipeline.backbones.common.spectrogram import DATASETS, FRONT_END, embed_patches, valid
from pipeline.backbones.common.vgg import EMBEDDING as DIMENSION
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.logmel_vgg.network import LogMelVGG
from pipeline.backbones.logmel_vgg.random_weights import fill_random
from pipeline.clips.clip import Clip

__all__ = ["DATASETS", "DIMENSION", "FRONT_END", "MODALITY", "LogMelVGG", "build", "embed", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "audio"


def build(weights: Weights) -> LogMelVGG:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    return build_network(LogMelVGG, weights, fill_random)


def embed(network: LogMelVGG, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the sound that ends at each frame, (T, 128); see `spectrogram.embed_patches`."""
    dtype = next(network.parameters()).dtype
    return embed_patches(lambda patches: network(patches.to(dtype)), clip, batch=batch, device=device)
