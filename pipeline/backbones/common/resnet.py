"""Residual networks with torchvision's layout and names: the basic block, the bottleneck, and the trunk around them.

He et al., "Deep Residual Learning for Image Recognition", 2016. The bottleneck strides in its 3 x 3 convolution
(known as "v1.5"), which is what torchvision's checkpoints were trained with; the paper strides in the first 1 x 1.
"""

from typing import ClassVar

from torch import Tensor, nn

from pipeline.backbones.common.checkpoints import PublishedNetwork

STEM = 64
DEPTHS = (64, 128, 256, 512)
"""Depth of the 3 x 3 convolutions of each of the four stages; every stage but the first halves the picture."""


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut.

    Parameters
    ----------
    width : channels of the input
    depth : channels of the convolutions
    stride : of the first convolution and of the shortcut
    """

    expansion: ClassVar = 1
    """Channels of the output, in units of `depth`."""

    def __init__(self, *, width: int, depth: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, depth, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(depth)
        self.conv2 = nn.Conv2d(depth, depth, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(depth)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(width, depth * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to (n, depth, h / stride, w / stride)."""
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        output: Tensor = self.relu(residual + (x if self.downsample is None else self.downsample(x)))
        return output


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between a narrowing and a widening 1 x 1, and a shortcut; parameters as of `BasicBlock`."""

    expansion: ClassVar = 4

    def __init__(self, *, width: int, depth: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, depth, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(depth)
        self.conv2 = nn.Conv2d(depth, depth, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(depth)
        self.conv3 = nn.Conv2d(depth, depth * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(depth * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(width, depth * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to (n, 4 depth, h / stride, w / stride)."""
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        output: Tensor = self.relu(residual + (x if self.downsample is None else self.downsample(x)))
        return output


class ResidualTrunk(PublishedNetwork):
    """Pictures to the mean of the last stage's maps; in evaluation mode until `train` is called.

    Parameters
    ----------
    block : of which the stages are made
    counts : blocks of each of the four stages
    channels : of the pictures
    """

    LEFT_OUT: ClassVar = ("fc.",)

    def __init__(
        self, *, block: type[BasicBlock] | type[Bottleneck], counts: tuple[int, int, int, int], channels: int
    ) -> None:
        super().__init__()
        self.channels = channels
        self.conv1 = nn.Conv2d(channels, STEM, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        width = STEM
        for number, (depth, count) in enumerate(zip(DEPTHS, counts, strict=True), start=1):
            stage = nn.Sequential()
            for index in range(count):
                stride = 2 if number > 1 and index == 0 else 1
                stage.append(block(width=width, depth=depth, stride=stride))
                width = depth * block.expansion
            self.add_module(f"layer{number}", stage)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Embed pictures.

        Parameters
        ----------
        x : (n, channels, h, w), of any height and width

        Returns
        -------
        (n, 512 expansion) float32
        """
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(f"the network takes pictures of shape (n, {self.channels}, h, w), got {tuple(x.shape)}")
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (n, 64, h / 4, w / 4)
        for number in range(1, len(DEPTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x.float().mean(dim=(2, 3))  # from (n, 512 expansion, h / 32, w / 32)


def _shortcut(width: int, depth: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and width == depth:
        return None
    return nn.Sequential(nn.Conv2d(width, depth, 1, stride, bias=False), nn.BatchNorm2d(depth))
