"""The poster's 2-D CNN on single faces: the whole crop that the clip stores, scaled as for ImageNet."""

from typing import Final, Literal

from pipeline.backbones.cnn2d_visual.network import PictureCNN
from pipeline.backbones.cnn2d_visual.random_weights import fill_random
from pipeline.backbones.common.checkpoints import build_network
from pipeline.backbones.common.imagenet import DATASETS, FRONT_END, embed, valid
from pipeline.backbones.common.weights import Weights

__all__ = ["DATASETS", "DIMENSION", "FRONT_END", "MODALITY", "PictureCNN", "build", "embed", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "visual"
DIMENSION: Final = 512


def build(weights: Weights) -> PictureCNN:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    return build_network(PictureCNN, weights, fill_random)
