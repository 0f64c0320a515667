"""Joint cross-attention (JCA, GRJCA paper eq. 1-7) and, with more iterations, its recursion (RJCA, eq. 8-9)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pipeline.fusion.blocks.joint_attention import RecursiveAttention
from pipeline.fusion.blocks.system import Fused


class RecursiveJointCrossAttention(RecursiveAttention):
    """[x_att_a; x_att_v] after the last of `iterations` steps: one is JCA, more are RJCA.

    Parameters, options and errors are those of `RecursiveAttention`.
    """

    def fuse(self, x_a: Tensor, x_v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x_att_a (b, t, d_a) and x_att_v (b, t, d_v) after the last step; see `attend`."""
        return self.attend(x_a, x_v, mask)[-1]

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse x : (b, t, d_a) and (b, t, d_v) by role, with mask : (b, t) bool."""
        return torch.cat(self.fuse(x["audio"], x["visual"], mask), dim=-1), {}


FUSION = RecursiveJointCrossAttention
