"""Random ResNet-50 weights whose embeddings move with the face."""

from pipeline.backbones.common.imagenet import sample_faces
from pipeline.backbones.common.random_weights import fill_normed
from pipeline.backbones.resnet50.network import ResNet50


def fill_random(network: ResNet50, seed: int) -> None:
    """Overwrite every number, in place."""
    fill_normed(network, sample_faces(seed), seed=seed, branch_ends=(".bn3",))
