"""Dilated causal convolutions over time with residual connections, shared by the TCNs."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import conv2d, leaky_relu, linear, pad
from torch.nn.utils.parametrizations import weight_norm

from pipeline.temporal.blocks.dropout import Dropout, dropout_factor

SLOPE = 0.01
"""Of LeakyReLU below zero."""


def _initialise(convolution: nn.Conv1d) -> nn.Conv1d:
    nn.init.xavier_uniform_(convolution.weight, gain=math.sqrt(2.0))
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution


class TemporalBlock(nn.Module):
    """Two weight-normed dilated convolutions over the past, each with LeakyReLU and dropout, and a residual connection.

    Parameters
    ----------
    in_features, out_features : widths before and after; a 1 x 1 convolution carries the residual where they differ
    kernel_size : frames that one convolution weighs
    dilation : distance in frames between two of them
    dropout : probability, after each of the two convolutions
    """

    def __init__(self, *, in_features: int, out_features: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        # Padding one side costs less than padding both and cutting, where the cut frames are computed first.
        self.padding = (kernel_size - 1) * dilation
        self.conv1 = weight_norm(_initialise(nn.Conv1d(in_features, out_features, kernel_size, dilation=dilation)))
        self.conv2 = weight_norm(_initialise(nn.Conv1d(out_features, out_features, kernel_size, dilation=dilation)))
        self.downsample = (
            None if in_features == out_features else _initialise(nn.Conv1d(in_features, out_features, kernel_size=1))
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map x : (b, in_features, t) to (b, out_features, t)."""
        dropout = self.dropout.p if self.dropout.training else 0.0
        y = activate(_convolve(pad(x, (self.padding, 0)), self.conv1), padding=self.padding, dropout=dropout)
        y = activate(_convolve(y, self.conv2), padding=0, dropout=dropout)
        residual = x
        if self.downsample is not None:
            # A matrix product: torch has no fast kernel for a 1 x 1 convolution of few windows on one thread.
            residual = linear(x.transpose(1, 2), self.downsample.weight.squeeze(2), self.downsample.bias)
            residual = residual.transpose(1, 2)
        return leaky_relu(y + residual, SLOPE, inplace=True)


class FrameNorm(nn.BatchNorm2d):
    """Batch normalisation over windows and frames, as over pictures of height 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each of the d features of x (b, d, t)."""
        return super().forward(x.unsqueeze(2)).squeeze(2)


def _convolve(x: Tensor, convolution: nn.Conv1d) -> Tensor:
    """Apply a convolution to x (b, d, t) as one over pictures of height 1: torch knows channels-last only for those."""
    picture = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    weight = convolution.weight.unsqueeze(2)
    return conv2d(picture, weight, convolution.bias, dilation=(1, *convolution.dilation)).squeeze(2)


def activate(x: Tensor, *, padding: int, dropout: float) -> Tensor:
    """LeakyReLU, dropout, and zeros in front of the first frame, in one pass each over one piece of memory.

    Parameters
    ----------
    x : (b, d, t)
    padding : frames of zeros
    dropout : probability within [0, 1)

    Returns
    -------
    (b, d, padding + t), frame after frame in memory
    """
    activated: Tensor = _Activation.apply(x, padding, dropout)  # type: ignore[no-untyped-call]
    return activated


class _Activation(Function):
    """`activate`, which keeps its output and the dropout's factors for the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, padding: int, dropout: float) -> Tensor:
        b, d, t = x.shape
        output = x.new_empty(b, padding + t, d)
        output[:, :padding] = 0.0
        body = output[:, padding:]
        torch.ops.aten.leaky_relu.out(x.transpose(1, 2), SLOPE, out=body)
        factor = None
        if dropout > 0.0:
            factor = dropout_factor(body.new_empty(b, t, d), dropout)
            body.mul_(factor)
        ctx.padding = padding
        ctx.save_for_backward(output, factor)
        return output.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        output, factor = ctx.saved_tensors
        gradient = gradient.transpose(1, 2)[:, ctx.padding :]
        # A dropped element's sign is lost, and its factor is 0.
        inner = torch.ops.aten.leaky_relu_backward(gradient, output[:, ctx.padding :], SLOPE, True)
        if factor is not None:
            inner.mul_(factor)
        return inner.transpose(1, 2), None, None


class TemporalConvolutions(nn.Module):
    """A stack of temporal blocks whose dilation doubles from block to block: 1, 2, 4, ...

    Parameters
    ----------
    in_features : width of a frame's features
    channels : width of each block; their number sets the receptive field
    kernel_size, dropout : of every block

    Raises
    ------
    ValueError
        for no blocks, a width or kernel below 1, or dropout outside [0, 1)
    """

    def __init__(
        self,
        *,
        in_features: int,
        channels: Sequence[int] = (256, 256, 128, 128),
        kernel_size: int = 5,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        widths = [in_features, *channels]
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"in_features and channels must be positive, got {in_features} and {list(channels)}")
        if kernel_size < 1:
            raise ValueError(f"kernel_size must be positive, got {kernel_size}")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.out_features = widths[-1]
        self.kernel_size = kernel_size
        self.network = nn.Sequential(
            *(
                TemporalBlock(
                    in_features=before,
                    out_features=after,
                    kernel_size=kernel_size,
                    dilation=2**level,
                    dropout=dropout,
                )
                for level, (before, after) in enumerate(pairwise(widths))
            )
        )

    @property
    def receptive_field(self) -> int:
        """Frames that one output frame depends on, itself included: 121 for four blocks of kernel 5."""
        dilations = (1 << len(self.network)) - 1  # 1 + 2 + 4 + ...
        return 1 + 2 * (self.kernel_size - 1) * dilations

    def forward(self, x: Tensor) -> Tensor:
        """Map x : (b, in_features, t) to (b, out_features, t)."""
        output: Tensor = self.network(x)
        return output

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor], *, dropout: float = 0.1) -> Self:
        """Build the stack from a state dict of the published leader-follower code.

        The published modules register each convolution twice (`conv1` and `net.0`, `conv2` and `net.4`); the `net`
        names are read. Widths and kernel come from the tensors' shapes.

        Raises
        ------
        ValueError
            naming the tensors that are missing or unknown
        """
        levels = 0
        while f"network.{levels}.net.0.weight_v" in state_dict:
            levels += 1
        if levels == 0:
            raise ValueError("not a published TCN: there is no tensor network.0.net.0.weight_v")
        shapes = [state_dict[f"network.{level}.net.0.weight_v"].shape for level in range(levels)]
        stack = cls(
            in_features=shapes[0][1],
            channels=[shape[0] for shape in shapes],
            kernel_size=shapes[0][2],
            dropout=dropout,
        )
        published = {name: _published_name(name) for name in stack.state_dict()}
        missing = sorted(set(published.values()) - set(state_dict))
        duplicates = {name for name in state_dict if name.split(".")[2:3] in (["conv1"], ["conv2"])}
        unknown = sorted(set(state_dict) - set(published.values()) - duplicates)
        if missing or unknown:
            raise ValueError(f"not a published TCN: missing tensors {missing}, unknown tensors {unknown}")
        stack.load_state_dict({name: state_dict[theirs] for name, theirs in published.items()})
        return stack


def _published_name(name: str) -> str:
    for ours, theirs in (
        ("conv1", "net.0"),
        ("conv2", "net.4"),
        ("parametrizations.weight.original0", "weight_g"),
        ("parametrizations.weight.original1", "weight_v"),
    ):
        name = name.replace(ours, theirs)
    return name
