"""Self-attention fusion: each modality attends to itself over time, then all are concatenated (poster Tab. 1)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.attention import TimeAttention
from pipeline.fusion.blocks.system import Fused, FusionSystem


class SelfAttention(FusionSystem):
    """X_m + softmax(Q_m K_m' / sqrt(d_k)) V_m for each modality m, concatenated; modalities meet in the head alone.

    The poster names this system and gives no equations: they are the scaled dot-product's, with a residual connection.

    Parameters
    ----------
    widths, length : see `FusionSystem`; two or more streams, concatenated in their order
    heads : of each attention; must divide every stream's width

    Raises
    ------
    ValueError
        for heads that do not divide a width
    """

    def __init__(self, *, widths: Mapping[str, int], length: int, heads: int = 1) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {role: TimeAttention(d_query=d, d_key=d, width=d, heads=heads) for role, d in widths.items()}
        )
        self.out_features = sum(widths.values())

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse x : (b, t, d_m) by role, with mask : (b, t) bool.

        Attention holds each role's map (b, heads, t, t): row = frame, columns = the frames that it attends to.
        """
        attended, maps = [], {}
        for role, x_m in x.items():
            update, maps[role] = self.attention[role](x_m, x_m, mask)
            attended.append(x_m + update)
        return torch.cat(attended, dim=-1), maps


FUSION = SelfAttention
