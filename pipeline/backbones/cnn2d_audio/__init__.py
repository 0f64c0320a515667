"""The poster's 2-D CNN on spectrograms: 1.07 s at 44.1 kHz, as a picture of one channel.

The poster names "2D CNN using spectrograms" without any numbers; these are the GRJCA paper's, of the same group. Bands
run down, time runs to the right: (1, 64, 107).
"""

from typing import Final, Literal

from pipeline.backbones.cnn2d_audio.network import SpectrogramCNN
from pipeline.backbones.cnn2d_audio.random_weights import fill_random
from pipeline.backbones.common.checkpoints import build_network
from pipeline.backbones.common.spectrogram import DATASETS, FRONT_END, valid
from pipeline.backbones.common.spectrogram import embed_pictures as embed
from pipeline.backbones.common.weights import Weights

__all__ = ["DATASETS", "DIMENSION", "FRONT_END", "MODALITY", "SpectrogramCNN", "build", "embed", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "audio"
DIMENSION: Final = 512


def build(weights: Weights) -> SpectrogramCNN:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    return build_network(SpectrogramCNN, weights, fill_random)
