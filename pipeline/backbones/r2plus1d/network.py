"""R(2+1)D-18: residual blocks of 3-D convolutions split into space and time, with torchvision's state-dict names.

Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", 2018. Each 3 x 3 x 3 convolution
is a 1 x 3 x 3 one into as many channels as keep the number of weights, and a 3 x 1 x 1 one.

Clips of 8 frames at 112 pixels, scaled as torchvision's Kinetics checkpoint expects. 20.3 GMAC per frame: 24 times
IR-50's; hardly any of it could be shared between the clips of neighbouring frames, since each convolution in time
pads at the clip's own ends.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.backbones.common import video_clips
from pipeline.backbones.common.checkpoints import load_trunk
from pipeline.backbones.common.published import allocate
from pipeline.backbones.common.random_norms import fill_random
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip

MODALITY: Final[Literal["visual", "audio"]] = "visual"
DIMENSION: Final = 512
NEEDS: Final = video_clips.NEEDS
MEAN: Final = (0.43216, 0.394666, 0.37645)
DEVIATION: Final = (0.22803, 0.22145, 0.216989)
FRONT_END: Final[dict[str, Any]] = video_clips.front_end(MEAN, DEVIATION)

DEPTHS: Final = (64, 128, 256, 512)
BLOCKS: Final = 2
RANDOM_CLIPS: Final = 4
"""Drawn clips on which random weights are fitted."""


class SplitConvolution(nn.Sequential):
    """A convolution in space, norm and rectifier, and a convolution in time.

    Parameters
    ----------
    width, middle, depth : channels before, between and after
    stride : in space and in time
    """

    def __init__(self, *, width: int, middle: int, depth: int, stride: int) -> None:
        super().__init__(
            nn.Conv3d(width, middle, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
            nn.BatchNorm3d(middle),
            nn.ReLU(inplace=True),
            nn.Conv3d(middle, depth, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
        )


class Block(nn.Module):
    """Two split convolutions and a shortcut.

    Parameters
    ----------
    width, depth : channels of input and output
    stride : of the first convolution and of the shortcut, in space and time
    """

    def __init__(self, *, width: int, depth: int, stride: int) -> None:
        super().__init__()
        # Both convolutions use the width that keeps the first one's number of weights: the published shapes.
        middle = width * depth * 27 // (width * 9 + 3 * depth)
        self.conv1 = nn.Sequential(
            SplitConvolution(width=width, middle=middle, depth=depth, stride=stride),
            nn.BatchNorm3d(depth),
            nn.ReLU(inplace=True),
        )
        self.conv2 = nn.Sequential(
            SplitConvolution(width=depth, middle=middle, depth=depth, stride=1),
            nn.BatchNorm3d(depth),
        )
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or width != depth:
            self.downsample = nn.Sequential(
                nn.Conv3d(width, depth, 1, stride, bias=False),
                nn.BatchNorm3d(depth),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, t, h, w) to (n, depth, t / stride, h / stride, w / stride)."""
        residual = self.conv2(self.conv1(x))
        output: Tensor = self.relu(residual + (x if self.downsample is None else self.downsample(x)))
        return output


class R2Plus1D(nn.Module):
    """Clips to the 512 means before the classifier; in evaluation mode until `train` is called."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(3, 45, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(45),
            nn.ReLU(inplace=True),
            nn.Conv3d(45, DEPTHS[0], (3, 1, 1), 1, (1, 0, 0), bias=False),
            nn.BatchNorm3d(DEPTHS[0]),
            nn.ReLU(inplace=True),
        )
        width = DEPTHS[0]
        for number, depth in enumerate(DEPTHS, start=1):
            stage = nn.Sequential()
            for index in range(BLOCKS):
                stage.append(Block(width=width, depth=depth, stride=2 if number > 1 and index == 0 else 1))
                width = depth
            self.add_module(f"layer{number}", stage)
        self.eval()

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network from a checkpoint with torchvision's names.

        Parameters
        ----------
        state_dict : 222 entries, or 224 with the classifier ``fc`` of any number of classes, which is left out

        Raises
        ------
        InputError
            If an entry is missing, unexpected or mis-shaped; all are listed.
        """
        return load_trunk(cls, state_dict, what="R(2+1)D-18", without=("fc.",))

    def forward(self, x: Tensor) -> Tensor:
        """Embed clips.

        Parameters
        ----------
        x : (n, 3, t, h, w), of any length, height and width

        Returns
        -------
        (n, 512) float32
        """
        if x.ndim != 5 or x.shape[1] != 3:
            raise ValueError(f"R(2+1)D takes clips of shape (n, 3, t, h, w), got {tuple(x.shape)}")
        x = self.stem(x)  # (n, 64, t, h / 2, w / 2)
        for number in range(1, len(DEPTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x.float().mean(dim=(2, 3, 4))  # from (n, 512, t / 8, h / 16, w / 16)


def build(weights: Weights) -> R2Plus1D:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    if weights.path is not None:
        return R2Plus1D.from_published(weights.state_dict())
    network = allocate(R2Plus1D)
    clips = video_clips.random_clips(RANDOM_CLIPS, mean=MEAN, deviation=DEVIATION, seed=weights.seed)
    fill_random(network, clips, seed=weights.seed, branch_ends=(".conv2.1",))
    return network


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether its clip shows a face at all, (T,)."""
    return video_clips.clips_valid(clip)


def embed(network: R2Plus1D, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the clip that ends at each frame, (T, 512); see `video_clips.embed_clips`."""
    return video_clips.embed_clips(network, clip, mean=MEAN, deviation=DEVIATION, batch=batch, device=device)
