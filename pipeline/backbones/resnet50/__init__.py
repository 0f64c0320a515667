"""ResNet-50, the plain bottleneck network with torchvision's state-dict names: public checkpoints load.

It reads the whole crop that the clip stores, scaled as for ImageNet, and halves it five times: 48 pixels end as 2 x 2
maps. A checkpoint trained on larger pictures is served better by clips of larger crops.
"""

from typing import Final, Literal

from pipeline.backbones.common.checkpoints import build_network
from pipeline.backbones.common.imagenet import DATASETS, FRONT_END, embed, valid
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.resnet50.network import ResNet50
from pipeline.backbones.resnet50.random_weights import fill_random

__all__ = ["DATASETS", "DIMENSION", "FRONT_END", "MODALITY", "ResNet50", "build", "embed", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "visual"
DIMENSION: Final = 2048


def build(weights: Weights) -> ResNet50:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    return build_network(ResNet50, weights, fill_random)
