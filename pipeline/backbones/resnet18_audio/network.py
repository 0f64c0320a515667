"""ResNet-18 with one channel: He et al., "Deep Residual Learning for Image Recognition", 2016."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from pipeline.backbones.common.checkpoints import sum_colours
from pipeline.backbones.common.resnet import BasicBlock, ResidualTrunk


class ResNet18Audio(ResidualTrunk):
    """Spectrograms, (n, 1, 64, 107), to the 512 means before the classifier.

    A checkpoint with torchvision's names has 120 entries, or 122 with the classifier ``fc``. The first convolution of
    a network for pictures, (64, 3, 7, 7), is summed over the colours: the embedding of a spectrogram is then the
    original's for the same plane in all three channels.
    """

    TITLE: ClassVar = "ResNet-18 for sound"

    def __init__(self) -> None:
        super().__init__(block=BasicBlock, counts=(2, 2, 2, 2), channels=1)

    @classmethod
    def adapted(cls, state_dict: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Sum the first convolution over colours."""
        return sum_colours(state_dict, "conv1.weight")
