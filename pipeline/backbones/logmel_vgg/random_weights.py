"""Random weights of the VGG whose embeddings move with the sound."""

from pipeline.backbones.common.random_weights import fill_vgg
from pipeline.backbones.common.spectrogram import sample_patches
from pipeline.backbones.logmel_vgg.network import LogMelVGG


def fill_random(network: LogMelVGG, seed: int) -> None:
    """Overwrite every number, in place."""
    fill_vgg(network.features, network.embeddings, sample_patches(seed), seed=seed)
