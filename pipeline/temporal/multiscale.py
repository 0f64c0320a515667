"""The multi-scale TCN of the interactive fusion paper: several kernel sizes side by side, concatenated (eq. 5-7)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.temporal.blocks.convolutions import FrameNorm, TemporalConvolutions


class MultiScaleTCN(nn.Module):
    """F = [TCN_3(x); TCN_5(x); TCN_7(x)], batch-normalised over windows and frames.

    Parameters
    ----------
    in_features : width of a frame's features
    channels : width of each block, in every branch; the paper does not give them
    kernel_sizes : one branch each
    dropout : of every branch

    Raises
    ------
    ValueError
        for no branches, or as `TemporalConvolutions`
    """

    def __init__(
        self,
        *,
        in_features: int,
        channels: Sequence[int] = (256, 256, 128, 128),
        kernel_sizes: Sequence[int] = (3, 5, 7),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not kernel_sizes:
            raise ValueError("kernel_sizes must name at least one branch, got none")
        branches = [
            TemporalConvolutions(in_features=in_features, channels=channels, kernel_size=size, dropout=dropout)
            for size in kernel_sizes
        ]
        self.out_features = sum(branch.out_features for branch in branches)
        self._receptive_field = max(branch.receptive_field for branch in branches)
        self.branches = nn.ModuleList(branches)
        self.norm = FrameNorm(self.out_features)

    @property
    def receptive_field(self) -> int:
        """Frames that one output frame depends on, itself included: those of the widest branch."""
        return self._receptive_field

    def forward(self, x: Tensor) -> Tensor:
        """Map x : (b, t, in_features) to (b, t, out_features)."""
        x = x.transpose(1, 2)  # (b, in_features, t)
        joined = torch.cat([branch(x).transpose(1, 2) for branch in self.branches], dim=2)
        output: Tensor = self.norm(joined.transpose(1, 2))
        return output.transpose(1, 2)


ENCODER = MultiScaleTCN
