"""R(2+1)D-18, on clips of 8 frames at 112 pixels, scaled as torchvision's Kinetics checkpoint expects.

20.3 GMAC per frame. Hardly any of it could be shared between the clips of neighbouring frames, since each convolution
in time pads at the clip's own ends.
"""

from functools import partial
from typing import Final, Literal

from pipeline.backbones.common.checkpoints import build_network
from pipeline.backbones.common.video_clips import DATASETS, embed_clips, valid
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.r2plus1d.front_end import DEVIATION, FRONT_END, MEAN
from pipeline.backbones.r2plus1d.network import R2Plus1D
from pipeline.backbones.r2plus1d.random_weights import fill_random

__all__ = ["DATASETS", "DEVIATION", "DIMENSION", "FRONT_END", "MEAN", "MODALITY", "R2Plus1D", "build", "embed", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "visual"
DIMENSION: Final = 512

embed = partial(embed_clips, mean=MEAN, deviation=DEVIATION)


def build(weights: Weights) -> R2Plus1D:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    return build_network(R2Plus1D, weights, fill_random)
