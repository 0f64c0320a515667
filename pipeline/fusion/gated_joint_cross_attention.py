"""Gated recursive joint cross-attention (GRJCA): a gate per iteration and modality, and one across iterations."""

from collections.abc import Mapping
from functools import reduce
from itertools import pairwise

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.joint_attention import RecursiveAttention
from pipeline.fusion.blocks.matrices import affine, xavier, zeros
from pipeline.fusion.blocks.system import Fused


class GatedRecursiveJointCrossAttention(RecursiveAttention):
    """RJCA whose every iteration may be refused, frame by frame, in favour of the features before it (eq. 1-15).

    For each modality m, with X^(0) the encoder's output and X^(t) the attended features of step t (eq. 1-9),

        G^(t) = softmax(X^(t) W_gl_m^(t) / T) over 2 columns                           (10-11)
        gated^(t) = ReLU(G_0 X^(t-1) + G_1 X^(t))                                      (12-13)
        G^(f) = softmax([gated^(1); ...; gated^(M)] W_gf_m / T) over M columns
        final = ReLU(sum_t G_t^(f) gated^(t))                                          (14-15)

    The ungated X^(t) feeds step t + 1. Column 0 weighs the features before the step, as equations 12 and 13 have it
    (the text says the reverse; relabelling the columns is all that differs). The paper leaves open what the gate across
    iterations reads, and its temperature: here it reads the gated features that it weighs, at the same T.

    Parameters
    ----------
    d_a, d_v : widths of the audio and visual features
    length : frames t in a window
    iterations : M
    temperature : T; 0.1 makes a gate nearly a switch
    bias, tanh_attention, relu_residual, residual_dropout : see `pipeline.fusion.blocks.joint_attention.Extras`

    Raises
    ------
    ValueError
        for a temperature that is not positive, or as `RecursiveAttention`
    """

    def __init__(
        self,
        *,
        d_a: int,
        d_v: int,
        length: int,
        iterations: int = 2,
        temperature: float = 0.1,
        bias: bool = False,
        tanh_attention: bool = False,
        relu_residual: bool = False,
        residual_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            d_a=d_a,
            d_v=d_v,
            length=length,
            iterations=iterations,
            bias=bias,
            tanh_attention=tanh_attention,
            relu_residual=relu_residual,
            residual_dropout=residual_dropout,
        )
        if not temperature > 0.0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        M = iterations
        self.temperature = temperature
        self.W_gl_a = nn.ParameterList([xavier(d_a, 2) for _ in range(M)])
        self.W_gl_v = nn.ParameterList([xavier(d_v, 2) for _ in range(M)])
        self.W_gf_a = xavier(M * d_a, M)
        self.W_gf_v = xavier(M * d_v, M)
        self.b_gl_a = nn.ParameterList([zeros(2) for _ in range(M)]) if bias else None
        self.b_gl_v = nn.ParameterList([zeros(2) for _ in range(M)]) if bias else None
        self.b_gf_a = zeros(M) if bias else None
        self.b_gf_v = zeros(M) if bias else None

    def fuse(self, x_a: Tensor, x_v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Evaluate equations 1 to 15.

        Parameters
        ----------
        x_a : (b, t, d_a)
        x_v : (b, t, d_v)
        mask : (b, t) bool, see `attend`

        Returns
        -------
        final_a : (b, t, d_a)
        final_v : (b, t, d_v)
        gates : "audio" and "visual" (b, t, M, 2), where [..., i, 0] is the weight of the features before step i + 1 and
            [..., i, 1] of those after it; "stage_audio" and "stage_visual" (b, t, M), the weight of each step's result
        """
        trail_a, trail_v = zip(*self.attend(x_a, x_v, mask), strict=True)
        final_a, gate_a, stage_a = self._gate(trail_a, self.W_gl_a, self.b_gl_a, self.W_gf_a, self.b_gf_a)
        final_v, gate_v, stage_v = self._gate(trail_v, self.W_gl_v, self.b_gl_v, self.W_gf_v, self.b_gf_v)
        gates = {"audio": gate_a, "visual": gate_v, "stage_audio": stage_a, "stage_visual": stage_v}
        return final_a, final_v, gates

    def _gate(
        self,
        trail: tuple[Tensor, ...],
        W_gl: nn.ParameterList,
        b_gl: nn.ParameterList | None,
        W_gf: Tensor,
        b_gf: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        gates, gated = [], []
        for i, (before, after) in enumerate(pairwise(trail)):
            G = self._softmax(affine(after, W_gl[i], None if b_gl is None else b_gl[i]))  # (b, t, 2)
            gates.append(G)
            gated.append(torch.relu(G[..., :1] * before + G[..., 1:] * after))  # (b, t, d_m)
        G_f = self._softmax(affine(torch.cat(gated, dim=-1), W_gf, b_gf))  # (b, t, M)
        weighed = [G_f[..., i : i + 1] * x for i, x in enumerate(gated)]
        final = torch.relu(reduce(torch.add, weighed))
        return final, torch.stack(gates, dim=-2), G_f

    def _softmax(self, x: Tensor) -> Tensor:
        return torch.softmax(x / self.temperature, dim=-1)

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse x : (b, t, d_a) and (b, t, d_v) by role, with mask : (b, t) bool; attention holds the gates."""
        final_a, final_v, gates = self.fuse(x["audio"], x["visual"], mask)
        return torch.cat([final_a, final_v], dim=-1), gates


FUSION = GatedRecursiveJointCrossAttention
