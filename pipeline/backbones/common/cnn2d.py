"""The 2-D CNN behind `cnn2d_visual` and `cnn2d_audio`: the poster's baselines for single pictures and for spectrograms.

The poster names "2D CNN" for either modality and says no more. What stands here is the plainest network of its time
and kind: VGG-11 with batch norm up to its fourth block, and the mean over the last maps. Four pools leave 3 x 3
positions of a 48-pixel face (a fifth would leave one), the mean takes pictures of any size, and torchvision's
``vgg11_bn`` has the same names and shapes so far, so that its ImageNet weights load.
"""

from collections.abc import Mapping
from typing import Final, Self

import torch
from torch import Tensor, nn

from pipeline.backbones.common.checkpoints import load_trunk, sum_colours
from pipeline.backbones.common.vgg_blocks import DEPTH, convolutions

DIMENSION: Final = DEPTH

LAYERS: Final = 22
"""Of the 29 layers of torchvision's ``vgg11_bn.features``."""


class CNN2D(nn.Module):
    """Pictures to the 512 means of the last maps; in evaluation mode until `train` is called.

    Parameters
    ----------
    channels : of the pictures
    """

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.features = convolutions(channels=channels, norms=True)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Embed pictures.

        Parameters
        ----------
        x : (n, channels, h, w), of at least 16 x 16

        Returns
        -------
        (n, 512) float32
        """
        if x.ndim != 4 or x.shape[1] != self.channels or min(x.shape[2:]) < 16:
            raise ValueError(
                f"the CNN takes pictures of shape (n, {self.channels}, h, w) from 16 x 16 on, got {tuple(x.shape)}"
            )
        x = self.features(x.contiguous(memory_format=torch.channels_last))  # (n, 512, h // 16, w // 16)
        return x.float().mean(dim=(2, 3))


class PictureCNN(CNN2D):
    """The CNN for pictures in colour."""

    def __init__(self) -> None:
        super().__init__(channels=3)

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network from its own parameters or from torchvision's ``vgg11_bn``.

        Parameters
        ----------
        state_dict : ``features.0`` to ``features.20``; the last block and the classifier of ``vgg11_bn`` are left out

        Raises
        ------
        InputError
            If an entry is missing, unexpected or mis-shaped; all are listed.
        """
        return load_trunk(cls, state_dict, what="the 2-D CNN for pictures", without=LAST_BLOCK)


class SpectrogramCNN(CNN2D):
    """The CNN for pictures of one channel."""

    def __init__(self) -> None:
        super().__init__(channels=1)

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network as `PictureCNN.from_published` does.

        A first convolution for colours, (64, 3, 3, 3), is summed over them: the network then answers a spectrogram as
        the original answers it in all three channels at once.
        """
        summed = sum_colours(state_dict, "features.0.weight")
        return load_trunk(cls, summed, what="the 2-D CNN for spectrograms", without=LAST_BLOCK)


LAST_BLOCK: Final = ("classifier.", *(f"features.{number}." for number in range(LAYERS, 29)))
