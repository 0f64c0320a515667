"""The poster's 2-D CNN for pictures of one channel."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from pipeline.backbones.common.checkpoints import sum_colours
from pipeline.backbones.common.vgg import CNN2D, FIRST_CONVOLUTION


class SpectrogramCNN(CNN2D):
    """Spectrograms, (n, 1, h, w), to the 512 means of the last maps.

    The first convolution of a checkpoint for colours, (64, 3, 3, 3), is summed over them: the embedding of a
    spectrogram is then the original's for the same plane in all three channels.
    """

    TITLE: ClassVar = "the 2-D CNN for spectrograms"

    def __init__(self) -> None:
        super().__init__(channels=1)

    @classmethod
    def adapted(cls, state_dict: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Sum the first convolution over colours."""
        return sum_colours(state_dict, FIRST_CONVOLUTION)
