"""Random ResNet-18 weights whose embeddings move with the sound."""

from pipeline.backbones.common.random_weights import fill_normed
from pipeline.backbones.common.spectrogram import as_pictures, sample_patches
from pipeline.backbones.resnet18_audio.network import ResNet18Audio


def fill_random(network: ResNet18Audio, seed: int) -> None:
    """Overwrite every number, in place."""
    fill_normed(network, as_pictures(sample_patches(seed)), seed=seed, branch_ends=(".bn2",))
