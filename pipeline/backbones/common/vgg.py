"""Small VGGs: the first four blocks of configuration A, and the two kinds of network made of them.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015. Layers are
numbered as in torchvision and in VGGish's checkpoint, so that public parameters fit by name.
"""

import copy
from typing import ClassVar, Final

import torch
from torch import Tensor, nn

from pipeline.backbones.common.checkpoints import PublishedNetwork

BLOCKS: Final = ((64,), (128,), (256, 256), (512, 512))
"""Depths of the 3 x 3 convolutions of each block; a block ends in a pool that halves both axes."""
DEPTH: Final = BLOCKS[-1][-1]
FACTOR: Final = 2 ** len(BLOCKS)
"""By which the pools divide each axis."""

BANDS: Final = 64
HIDDEN: Final = 4096
EMBEDDING: Final = 128

LAYERS: Final = 22
"""Of the 29 layers of torchvision's ``vgg11_bn.features``."""
FIRST_CONVOLUTION: Final = "features.0.weight"


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


class Rounding(nn.Module):
    """Goes on in another precision.

    Parameters
    ----------
    precision : of the output
    """

    def __init__(self, precision: torch.dtype) -> None:
        super().__init__()
        self.precision = precision

    def forward(self, x: Tensor) -> Tensor:
        """Round a tensor."""
        return x.to(self.precision)


class LogMelNetwork(PublishedNetwork):
    """VGGish's network: log-mel patches to 128 numbers before the last activation; in evaluation mode at first.

    Hershey et al., "CNN Architectures for Large-Scale Audio Classification", 2017. Parameter names and shapes are those
    of the PyTorch port's checkpoint ``vggish-10086976.pth`` (18 tensors) for every patch of 96 to 111 rows, which the
    pools take to 6 x 4. Its entries ``pproc.*`` (PCA and quantisation) are left out.

    Parameters
    ----------
    patch : rows of a patch
    """

    LEFT_OUT: ClassVar = ("pproc.",)

    def __init__(self, *, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.features = convolutions(channels=1, norms=False)
        self.embeddings = nn.Sequential(
            nn.Linear(DEPTH * (patch // FACTOR) * (BANDS // FACTOR), HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, EMBEDDING),
        )
        self.eval()

    def for_inference(self, device: torch.device, precision: torch.dtype) -> nn.Module:
        """Return the network, which computes its first convolution, a hundredth of the work, in float32 in any case.

        Log-mel values have a large mean, and bfloat16 rounds them by as much as neighbouring patches differ.
        """
        exact = copy.deepcopy(self.features[0].state_dict())
        placed = super().for_inference(device, precision)
        if precision != torch.float32:
            self.features[0].float().load_state_dict(exact)
            self.features.insert(2, Rounding(precision))
        return placed

    def forward(self, x: Tensor) -> Tensor:
        """Embed patches.

        Parameters
        ----------
        x : (n, patch, 64) log-mel, rows in time

        Returns
        -------
        (n, 128), before the last activation
        """
        if x.ndim != 3 or x.shape[1:] != (self.patch, BANDS):
            raise ValueError(f"{self.TITLE} takes patches of shape (n, {self.patch}, {BANDS}), got {tuple(x.shape)}")
        x = self.features(x.unsqueeze(1).contiguous(memory_format=torch.channels_last))  # (n, 512, 6, 4)
        embedding: Tensor = self.embeddings(x.permute(0, 2, 3, 1).flatten(1))  # from (n, 12288), channels fastest
        return embedding


class CNN2D(PublishedNetwork):
    """The poster's "2D CNN": pictures to the 512 means of the last maps; in evaluation mode at first.

    The poster names the network for either modality and gives no details. This is the plainest network of its time:
    VGG-11 with batch norm up to its fourth block, and the mean over the last maps. Four pools leave 3 x 3 positions of
    a 48-pixel face (a fifth would leave one), and the mean takes pictures of any size. torchvision's ``vgg11_bn`` has
    the same names and shapes up to there, so that its ImageNet weights load; its last block and its classifier are
    left out.

    Parameters
    ----------
    channels : of the pictures
    """

    TITLE: ClassVar = "the 2-D CNN"
    LEFT_OUT: ClassVar = ("classifier.", *(f"features.{number}." for number in range(LAYERS, 29)))

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
        if x.ndim != 4 or x.shape[1] != self.channels or min(x.shape[2:]) < FACTOR:
            raise ValueError(
                f"{self.TITLE} takes pictures of shape (n, {self.channels}, h, w) from 16 x 16 on, got {tuple(x.shape)}"
            )
        x = self.features(x.contiguous(memory_format=torch.channels_last))  # (n, 512, h // 16, w // 16)
        return x.float().mean(dim=(2, 3))
