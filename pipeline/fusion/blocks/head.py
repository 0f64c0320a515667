"""From fused features to the targets: the regression heads, scaled to each target's range."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.temporal.blocks.dropout import Dropout


class TargetScale(nn.Module):
    """Map [-1, 1] onto each target's (low, high).

    Parameters
    ----------
    ranges : (low, high) of each target

    Raises
    ------
    ValueError
        for no targets, or a range whose low is not below its high
    """

    centre: Tensor
    half_width: Tensor

    def __init__(self, *, ranges: Sequence[tuple[float, float]]) -> None:
        super().__init__()
        if not ranges or any(not low < high for low, high in ranges):
            raise ValueError(f"each target needs a range (low, high) with low < high, got {list(ranges)}")
        low, high = torch.tensor([tuple(map(float, pair)) for pair in ranges]).unbind(dim=1)
        # The ranges belong to the corpus, not to what was learnt: they stay out of the state dict.
        self.register_buffer("centre", (low + high) / 2, persistent=False)
        self.register_buffer("half_width", (high - low) / 2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scale x : (..., k)."""
        return self.centre + self.half_width * x


class RegressionHead(nn.Module):
    """Dropout, a multi-layer perceptron of one hidden layer with ReLU, tanh, and the targets' range.

    Parameters
    ----------
    in_features : width d of the fused features
    ranges : (low, high) of each of the k targets
    hidden : width of the hidden layer; None for one linear layer
    dropout : probability on the fused features

    Raises
    ------
    ValueError
        for a width below 1, dropout outside [0, 1), or a bad range
    """

    def __init__(
        self, *, in_features: int, ranges: Sequence[tuple[float, float]], hidden: int | None = 128, dropout: float = 0.5
    ) -> None:
        super().__init__()
        check_head(in_features=in_features, hidden=hidden, dropout=dropout)
        self.scale = TargetScale(ranges=ranges)
        self.dropout = Dropout(dropout)
        self.mlp = (
            nn.Sequential(nn.Linear(in_features, len(ranges)))
            if hidden is None
            else nn.Sequential(nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(hidden, len(ranges)))
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map features : (b, t, d) to predictions (b, t, k)."""
        predictions: Tensor = self.scale(torch.tanh(self.mlp(self.dropout(features))))
        return predictions


class NormalisedHead(nn.Module):
    """LayerNorm, Linear, GELU, Dropout, Linear (interactive fusion paper, eq. 12-15).

    Equation 15 ends in a linear layer: over a target's range [-1, 1] the output is exactly that, over another range it
    is scaled to it. Nothing bounds it unless `bounded` adds a tanh.

    Parameters
    ----------
    in_features : width d of the fused features
    ranges : (low, high) of each of the k targets
    hidden : width of W_1's output
    dropout : probability on the hidden layer
    bounded : pass the output through tanh, so that it keeps to the range

    Raises
    ------
    ValueError
        as `RegressionHead`
    """

    def __init__(
        self,
        *,
        in_features: int,
        ranges: Sequence[tuple[float, float]],
        hidden: int = 128,
        dropout: float = 0.5,
        bounded: bool = False,
    ) -> None:
        super().__init__()
        check_head(in_features=in_features, hidden=hidden, dropout=dropout)
        self.scale = TargetScale(ranges=ranges)
        self.norm = nn.LayerNorm(in_features)
        self.linear1 = nn.Linear(in_features, hidden)
        self.activation = nn.GELU()
        self.dropout = Dropout(dropout)
        self.linear2 = nn.Linear(hidden, len(ranges))
        self.bounded = bounded

    def forward(self, features: Tensor) -> Tensor:
        """Map features : (b, t, d) to predictions (b, t, k)."""
        y: Tensor = self.linear2(self.dropout(self.activation(self.linear1(self.norm(features)))))
        predictions: Tensor = self.scale(torch.tanh(y) if self.bounded else y)
        return predictions


def check_head(*, in_features: int, hidden: int | None, dropout: float) -> None:
    """Raise ValueError for a width below 1 or dropout outside [0, 1)."""
    if in_features < 1 or (hidden is not None and hidden < 1):
        raise ValueError(f"a head's widths must be positive, got in_features={in_features}, hidden={hidden}")
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout must be in [0, 1), got {dropout}")
