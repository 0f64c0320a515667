"""Cross-modal attention: visual queries attend each audio stream over time (interactive fusion paper, eq. 8-15)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.attention import TimeAttention
from pipeline.fusion.blocks.head import NormalisedHead
from pipeline.fusion.blocks.system import Fused, FusionSystem


class CrossModalAttention(FusionSystem):
    """[F_v; F_v_vgg; F_v_lm] -> LayerNorm -> Linear -> GELU -> Dropout -> Linear.

        F_v_m = softmax(Q K' / sqrt(d_k)) V, Q from F_v, K and V from audio stream m       (8-10)
        F_concat = [F_v; F_v_vgg; F_v_lm]                                                  (11)

    The paper writes Q, K and V as the features themselves, which closes for equal widths only; here each is a linear
    projection to a common width. Equations 5-7 are `pipeline.temporal.multiscale`, 12-15 the head.

    Parameters
    ----------
    widths, length : see `FusionSystem`; "visual" and one or more audio streams (the paper: VGGish and log-mel)
    width, heads : of each attention

    Raises
    ------
    ValueError
        as `TimeAttention`
    """

    ROLES = ("visual",)
    HEAD = NormalisedHead

    def __init__(self, *, widths: Mapping[str, int], length: int, width: int = 128, heads: int = 1) -> None:
        super().__init__()
        d_v = widths["visual"]
        self.attention = nn.ModuleDict(
            {
                role: TimeAttention(d_query=d_v, d_key=d_m, width=width, heads=heads)
                for role, d_m in widths.items()
                if role != "visual"
            }
        )
        self.out_features = d_v + width * len(self.attention)

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse x : (b, t, d_m) by role, with mask : (b, t) bool.

        Attention holds each audio role's map (b, heads, t, t): row = visual frame, columns = the audio frames.
        """
        features, maps = [x["visual"]], {}
        for role, attention in self.attention.items():
            attended, maps[role] = attention(x["visual"], x[role], mask)
            features.append(attended)
        return torch.cat(features, dim=-1), maps


FUSION = CrossModalAttention
