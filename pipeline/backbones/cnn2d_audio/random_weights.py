"""Random weights of the 2-D CNN whose embeddings move with the sound."""

from pipeline.backbones.cnn2d_audio.network import SpectrogramCNN
from pipeline.backbones.common.random_weights import fill_normed
from pipeline.backbones.common.spectrogram import as_pictures, sample_patches


def fill_random(network: SpectrogramCNN, seed: int) -> None:
    """Overwrite every number, in place."""
    fill_normed(network, as_pictures(sample_patches(seed)), seed=seed)
