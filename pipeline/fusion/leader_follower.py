"""Leader-follower attention: modalities attend to each other at each frame, vision leads (Zhang et al.)."""

import math
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.head import RegressionHead
from pipeline.fusion.blocks.system import Fused, FusionSystem


class LeaderFollower(FusionSystem):
    """[leader; attention over the M modalities of one frame]; frames never meet.

    Each modality has its own projection to Q, K and V of `width` features; softmax(Q K' / sqrt(d_k)) V + V over the
    modalities is concatenated to `width` x M features, then Linear, Dropout, LayerNorm. The published head is a single
    linear layer.

    Parameters
    ----------
    widths, length : see `FusionSystem`; "visual", which leads, and one or more followers
    width : features of each of Q, K and V, over all heads
    heads : d_k = width / heads
    attention_dropout : probability before the LayerNorm

    Raises
    ------
    ValueError
        for a width that the heads do not divide, or dropout outside [0, 1)
    """

    ROLES = ("visual",)
    HEAD = staticmethod(partial(RegressionHead, hidden=None, dropout=0.0))

    def __init__(
        self,
        *,
        widths: Mapping[str, int],
        length: int,
        width: int = 32,
        heads: int = 2,
        attention_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if width < 1 or heads < 1 or width % heads:
            raise ValueError(f"heads must divide the width, got {heads} heads for width {width}")
        if not 0.0 <= attention_dropout < 1.0:
            raise ValueError(f"attention_dropout must be in [0, 1), got {attention_dropout}")
        self.heads = heads
        self.projections = nn.ModuleDict({role: nn.Linear(d_m, 3 * width) for role, d_m in widths.items()})
        d = width * len(widths)
        self.merge = nn.Sequential(nn.Linear(d, d), nn.Dropout(attention_dropout), nn.LayerNorm(d))
        self.out_features = widths["visual"] + d

    def attend(self, x: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Attend across modalities.

        Parameters
        ----------
        x : (b, t, d_m) for each of the M roles

        Returns
        -------
        attended : (b, t, width M)
        weights : (b, t, heads, M, M), rows summing to one over the modalities attended to
        """
        stacked = torch.stack([projection(x[role]) for role, projection in self.projections.items()], dim=2)
        # (b, t, M, 3 width) -> three of (b, t, heads, M, d_k)
        Q, K, V = (part.reshape(*part.shape[:-1], self.heads, -1).transpose(2, 3) for part in stacked.chunk(3, dim=-1))
        weights = torch.softmax(Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1]), dim=-1)
        attended = (weights @ V + V).transpose(2, 3).flatten(2)  # (b, t, width M): modality by modality
        return self.merge(attended), weights

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse x : (b, t, d_m) by role, with mask : (b, t) bool.

        Attention holds "modalities" (b, t, heads, M, M): row = modality, columns = those that it attends to, both in
        the order of the streams.
        """
        attended, weights = self.attend(x)
        return torch.cat([x["visual"], attended], dim=-1), {"modalities": weights}


FUSION = LeaderFollower
