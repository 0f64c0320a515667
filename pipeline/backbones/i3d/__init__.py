"""Inception I3D: the Inception-v1 network inflated into time, on clips of 8 frames at 112 pixels.

The poster's visual features ("I3D network inflated from inception architecture pretrained on ImageNet"). Pixels are
scaled to -1 .. 1. 3.5 GMAC per frame.
"""

from functools import partial
from typing import Final, Literal

from pipeline.backbones.common.checkpoints import build_network
from pipeline.backbones.common.video_clips import DATASETS, embed_clips, valid
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.i3d.front_end import DEVIATION, FRONT_END, MEAN
from pipeline.backbones.i3d.network import I3D
from pipeline.backbones.i3d.random_weights import fill_random

__all__ = ["DATASETS", "DEVIATION", "DIMENSION", "FRONT_END", "I3D", "MEAN", "MODALITY", "build", "embed", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "visual"
DIMENSION: Final = 1024

embed = partial(embed_clips, mean=MEAN, deviation=DEVIATION)


def build(weights: Weights) -> I3D:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    return build_network(I3D, weights, fill_random)
