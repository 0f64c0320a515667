"""Feature concatenation: [X_a; X_v] and one fully connected layer (poster Tab. 1 and 3; Kuhnke et al.)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.system import Fused, FusionSystem


class Concatenation(FusionSystem):
    """ReLU(W [X_a; X_v] + b) at each frame, without any attention: what a fusion model has to beat.

    Parameters
    ----------
    widths, length : see `FusionSystem`; two or more streams, concatenated in their order
    width : of the fully connected layer

    Raises
    ------
    ValueError
        for a width below 1
    """

    def __init__(self, *, widths: Mapping[str, int], length: int, width: int = 128) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width must be positive, got {width}")
        self.fully_connected = nn.Sequential(nn.Linear(sum(widths.values()), width), nn.ReLU())
        self.out_features = width

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse x : (b, t, d_m) by role, with mask : (b, t) bool."""
        return self.fully_connected(torch.cat(list(x.values()), dim=-1)), {}


FUSION = Concatenation
