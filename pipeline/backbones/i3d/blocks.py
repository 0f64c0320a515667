"""The parts of Inception I3D: convolution units, pools and mixed blocks that pad as TensorFlow's SAME does."""

import torch
from torch import Tensor, nn
from torch.nn import functional

Size = tuple[int, int, int]
Depths = tuple[int, int, int, int, int, int]


def pad_same(x: Tensor, kernel: Size, stride: Size) -> Tensor:
    """Pad (n, c, t, h, w) with zeros so that each axis ends as ceil(length / stride); an odd zero goes behind."""
    pads: list[int] = []
    for axis in (4, 3, 2):
        total = max(kernel[axis - 2] - (x.shape[axis] % stride[axis - 2] or stride[axis - 2]), 0)
        pads += [total // 2, total - total // 2]
    return functional.pad(x, pads)


class Unit(nn.Module):
    """Convolution, norm and rectifier.

    Parameters
    ----------
    width, depth : channels of input and output
    size : of the cubic kernel
    stride : in time and space
    """

    def __init__(self, *, width: int, depth: int, size: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.size: Size = (size, size, size)
        self.stride: Size = (stride, stride, stride)
        self.conv3d = nn.Conv3d(width, depth, self.size, self.stride, bias=False)
        self.bn = nn.BatchNorm3d(depth, eps=0.001, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, t, h, w) to (n, depth, t / stride, h / stride, w / stride), rounded up."""
        return functional.relu(self.bn(self.conv3d(pad_same(x, self.size, self.stride))))


class Pool(nn.Module):
    """The largest of each `size`; zeros beyond the edges, below which a rectified map never is."""

    def __init__(self, *, size: Size, stride: Size) -> None:
        super().__init__()
        self.size = size
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, t, h, w) to the same rank, each axis divided by its stride and rounded up."""
        return functional.max_pool3d(pad_same(x, self.size, self.stride), self.size, self.stride)


class Mixed(nn.Module):
    """Four branches side by side: 1 x 1, two of 1 x 1 then 3 x 3, and a pool then 1 x 1.

    Parameters
    ----------
    width : channels of the input
    depths : of b0, b1a, b1b, b2a, b2b and b3b
    """

    def __init__(self, *, width: int, depths: Depths) -> None:
        super().__init__()
        self.b0 = Unit(width=width, depth=depths[0])
        self.b1a = Unit(width=width, depth=depths[1])
        self.b1b = Unit(width=depths[1], depth=depths[2], size=3)
        self.b2a = Unit(width=width, depth=depths[3])
        self.b2b = Unit(width=depths[3], depth=depths[4], size=3)
        self.b3a = Pool(size=(3, 3, 3), stride=(1, 1, 1))
        self.b3b = Unit(width=width, depth=depths[5])

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, t, h, w) to as many channels as the four branches end with."""
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1)
