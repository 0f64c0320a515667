"""R(2+1)D-18: residual blocks of 3-D convolutions split into space and time, with torchvision's state-dict names.

Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", 2018. Each 3 x 3 x 3 convolution
is a 1 x 3 x 3 one into as many channels as keep the number of weights, and a 3 x 1 x 1 one.
"""

from typing import ClassVar, Final

from torch import Tensor, nn

from pipeline.backbones.common.checkpoints import PublishedNetwork

DEPTHS: Final = (64, 128, 256, 512)
BLOCKS: Final = 2


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


class R2Plus1D(PublishedNetwork):
    """Clips to the 512 means before the classifier; in evaluation mode until `train` is called.

    A checkpoint with torchvision's names has 222 entries, or 224 with the classifier ``fc`` of any number of classes,
    which is left out.
    """

    TITLE: ClassVar = "R(2+1)D-18"
    LEFT_OUT: ClassVar = ("fc.",)

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
