"""Dilated causal convolutions over time with residual connections, shared by the TCNs."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Self

from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.parametrizations import weight_norm


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
        self.padding = ((kernel_size - 1) * dilation, 0)
        self.conv1 = weight_norm(_initialise(nn.Conv1d(in_features, out_features, kernel_size, dilation=dilation)))
        self.conv2 = weight_norm(_initialise(nn.Conv1d(out_features, out_features, kernel_size, dilation=dilation)))
        self.downsample = (
            None if in_features == out_features else _initialise(nn.Conv1d(in_features, out_features, kernel_size=1))
        )
        self.activation = nn.LeakyReLU(0.01)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map x : (b, in_features, t) to (b, out_features, t)."""
        y = self.dropout(self.activation(self.conv1(pad(x, self.padding))))
        y = self.dropout(self.activation(self.conv2(pad(y, self.padding))))
        residual = x if self.downsample is None else self.downsample(x)
        output: Tensor = self.activation(y + residual)
        return output


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
