"""IR-50 for inference in bfloat16: batch norms folded into convolutions, and weights in oneDNN's own layout.

A norm behind a convolution scales its filters and adds a bias. One before a convolution that pads with zeros does not:
the zeros are added behind the norm, so its shift reaches a border position through fewer taps than an inner one. It is
exactly the convolution of the constant shift, a map of (depth, h, w) that is computed once.

The rest is memory traffic, which costs most where matrix units are fastest: oneDNN takes its filters in its own layout
instead of rearranging 75 MB for each batch, and adds the shortcut to the sums before it writes them. In float32 all
this changes the bytes and saves next to nothing, so `IR50` itself computes there.
"""

import platform
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.backbones.ir50.front_end import CROP
from pipeline.runtime.device import computes_bfloat16

M = TypeVar("M", bound=nn.Module)

PACKED_BATCH = 32
"""Pictures for which oneDNN chooses the filters' layout; other batches work, with a rearrangement at worst."""


class FoldedConvolution(nn.Module):
    """A convolution with a bias, to which a tensor may be added.

    Parameters
    ----------
    weight : (out, in, k, k)
    bias : (out,)
    stride : of the convolution, which pads by k // 2
    size : height and width of its input
    device : where it computes, in bfloat16
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, stride: int, size: int, device: torch.device) -> None:
        super().__init__()
        self.stride, self.padding = stride, weight.shape[2] // 2
        self.packed = device.type == "cpu" and packs()
        self.weight = placed(weight, device).contiguous(memory_format=torch.channels_last)
        self.bias = None if bias is None else placed(bias, device)
        if self.packed:
            shape = PACKED_BATCH, weight.shape[1], size, size
            where = [self.padding] * 2, [stride] * 2, [1, 1], 1
            self.weight = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *where, shape)

    def forward(self, x: Tensor, plus: Tensor | None = None) -> Tensor:
        """Map (n, in, h, w) to (n, out, h / stride, w / stride), and add `plus` of that shape."""
        if self.packed:
            where = [self.padding] * 2, [self.stride] * 2, [1, 1], 1
            operator = torch.ops.mkldnn._convolution_pointwise
            sums: Tensor = (
                operator(x, self.weight, self.bias, *where, "none", [], "")
                if plus is None
                else operator.binary(x, plus, self.weight, self.bias, *where, "add", 1.0, None, [], "")
            )
            return sums
        result = functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        return result if plus is None else result.add_(plus)


class FoldedUnit(nn.Module):
    """A residual unit of IR-50 without its norms.

    Parameters
    ----------
    unit : the `Unit`, in float32 and evaluation mode on the CPU
    size : height and width of its input
    device : where it computes
    """

    def __init__(self, unit: nn.Module, *, size: int, device: torch.device) -> None:
        super().__init__()
        first, second = (part(unit, f"res_layer.{index}", nn.Conv2d) for index in (1, 3))
        self.stride = second.stride[0]
        scale, shift = scale_and_shift(part(unit, "res_layer.0", nn.BatchNorm2d))
        constant = shift[None, :, None, None].expand(-1, -1, size, size)
        edges = functional.conv2d(constant, first.weight, padding=1)
        self.edges = placed(edges, device).contiguous(memory_format=torch.channels_last)
        filters = first.weight * scale[None, :, None, None]
        self.first = FoldedConvolution(filters, None, stride=1, size=size, device=device)
        self.slopes = placed(part(unit, "res_layer.2", nn.PReLU).weight, device)
        filters, bias = folded(second, part(unit, "res_layer.4", nn.BatchNorm2d))
        self.second = FoldedConvolution(filters, bias, stride=self.stride, size=size, device=device)
        self.shortcut: FoldedConvolution | None = None
        if first.in_channels != first.out_channels:
            filters, bias = folded(
                part(unit, "shortcut_layer.0", nn.Conv2d), part(unit, "shortcut_layer.1", nn.BatchNorm2d)
            )
            self.shortcut = FoldedConvolution(filters, bias, stride=self.stride, size=size, device=device)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to (n, depth, h / stride, w / stride)."""
        shortcut = x[..., :: self.stride, :: self.stride] if self.shortcut is None else self.shortcut(x)
        inner = functional.prelu(self.first(x).add_(self.edges), self.slopes)
        result: Tensor = self.second(inner, shortcut.contiguous(memory_format=torch.channels_last))
        return result


class FoldedIR50(nn.Module):
    """IR-50 in bfloat16 for a fixed set of weights: the same map from faces to unit vectors, up to rounding.

    Parameters
    ----------
    network : the `IR50`, in float32 and evaluation mode on the CPU
    device : where to compute
    """

    def __init__(self, network: nn.Module, *, device: torch.device) -> None:
        super().__init__()
        filters, bias = folded(
            part(network, "input_layer.0", nn.Conv2d), part(network, "input_layer.1", nn.BatchNorm2d)
        )
        size = CROP
        self.first = FoldedConvolution(filters, bias, stride=1, size=size, device=device)
        self.slopes = placed(part(network, "input_layer.2", nn.PReLU).weight, device)
        units = []
        for unit in network.get_submodule("body").children():
            units.append(FoldedUnit(unit, size=size, device=device))
            size = -(-size // units[-1].stride)
        self.units = nn.Sequential(*units)
        linear = part(network, "output_layer.3", nn.Linear)
        scale, shift = scale_and_shift(part(network, "output_layer.0", nn.BatchNorm2d))
        by_channel = linear.weight.reshape(len(linear.weight), len(scale), -1)  # (out, channel, place)
        bias = linear.bias + (by_channel * shift[:, None]).sum(dim=(1, 2))
        weight = (by_channel * scale[:, None]).flatten(1)
        scale, shift = scale_and_shift(part(network, "output_layer.4", nn.BatchNorm1d))
        self.weight, self.bias = placed(weight * scale[:, None], device), placed(bias * scale + shift, device)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Embed (n, 3, 40, 40) bfloat16 faces scaled to -1 .. 1 as (n, 512) float32 of unit length."""
        x = functional.prelu(self.first(x.contiguous(memory_format=torch.channels_last)), self.slopes)
        x = functional.linear(self.units(x).flatten(1), self.weight, self.bias)
        return functional.normalize(x.float(), dim=1)


def packs() -> bool:
    """Return whether oneDNN computes bfloat16 on this processor with filters in its own layout: x86-64 was tried."""
    known = platform.machine() in {"x86_64", "AMD64"} and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    return known and computes_bfloat16("cpu")


def part(module: nn.Module, name: str, kind: type[M]) -> M:
    """Return a module of a network, which is of a certain kind."""
    found = module.get_submodule(name)
    assert isinstance(found, kind)
    return found


def scale_and_shift(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return what a batch norm in evaluation mode multiplies each channel by, and adds to it."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    return scale, norm.bias - mean * scale


def folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return filters and bias of a convolution without bias and of the norm behind it."""
    scale, shift = scale_and_shift(norm)
    return convolution.weight * scale[:, None, None, None], shift


def placed(tensor: Tensor, device: torch.device) -> Tensor:
    """Bring a folded tensor to its device, in bfloat16."""
    return tensor.detach().to(device, torch.bfloat16)
