"""Random weights of the 2-D CNN whose embeddings move with the face."""

from pipeline.backbones.cnn2d_visual.network import PictureCNN
from pipeline.backbones.common.imagenet import sample_faces
from pipeline.backbones.common.random_weights import fill_normed


def fill_random(network: PictureCNN, seed: int) -> None:
    """Overwrite every number, in place."""
    fill_normed(network, sample_faces(seed), seed=seed)
