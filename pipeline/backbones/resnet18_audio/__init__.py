"""ResNet-18 on the 44.1 kHz spectrogram as a picture of one channel: the audio backbone of Kuhnke et al.

Kuhnke et al., "Two-Stream Aural-Visual Affect Analysis in the Wild", 2020 (GRJCA paper, Table 1). Bands run down, time
runs to the right: (1, 64, 107).
"""

from typing import Final, Literal

from pipeline.backbones.common.checkpoints import build_network
from pipeline.backbones.common.spectrogram import DATASETS, FRONT_END, valid
from pipeline.backbones.common.spectrogram import embed_pictures as embed
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.resnet18_audio.network import ResNet18Audio
from pipeline.backbones.resnet18_audio.random_weights import fill_random

__all__ = ["DATASETS", "DIMENSION", "FRONT_END", "MODALITY", "ResNet18Audio", "build", "embed", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "audio"
DIMENSION: Final = 512


def build(weights: Weights) -> ResNet18Audio:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    return build_network(ResNet18Audio, weights, fill_random)
