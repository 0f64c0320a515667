"""The convolutions of a small VGG: configuration A of the paper without its last block, as VGGish has them too.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015. Layers are
numbered as in torchvision and in VGGish's checkpoint, so that public parameters fit by name.
"""

from typing import Final

from torch import nn

BLOCKS: Final = ((64,), (128,), (256, 256), (512, 512))
"""Depths of the 3 x 3 convolutions of each block; a block ends in a pool that halves both axes."""

DEPTH: Final = BLOCKS[-1][-1]


def convolutions(*, channels: int, norms: bool) -> nn.Sequential:
    """Make the layers that map (n, channels, h, w) to (n, 512, h // 16, w // 16).

    Parameters
    ----------
    channels : of the input
    norms : whether a batch norm follows each convolution
    """
    layers = nn.Sequential()
    width = channels
    for block in BLOCKS:
        for depth in block:
            layers.append(nn.Conv2d(width, depth, 3, 1, 1))
            if norms:
                layers.append(nn.BatchNorm2d(depth))
            layers.append(nn.ReLU(inplace=True))
            width = depth
        layers.append(nn.MaxPool2d(2, 2))
    return layers
