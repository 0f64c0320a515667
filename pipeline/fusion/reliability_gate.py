"""Reliability gate: each stream predicts from itself and says how reliable it is, so that one can be left out."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.system import Fused, FusionSystem
from pipeline.fusion.blocks.voting import VotingHead


class ReliabilityGate(FusionSystem):
    """Voters m = each stream, and f = all streams concatenated, predict frame by frame; their mean is weighed.

        h_m = ReLU(W_m x_m + b_m)        s_m = w_m' [x_m; |x_m|^2 / d_m] + c_m        prediction = sum_m g_m p_m(h_m)

    with p_m a linear head and g = softmax(sharpness s). Training asks of s_m the log precision that voter m has on
    trials it was not fitted on (`pipeline.training.votes`). |x_m|^2 / d_m tells frames that are unlike most.

    Parameters
    ----------
    widths, length : see `FusionSystem`; two or more streams
    width : of each h_m
    gate_dropout : probability on what s_m reads

    Raises
    ------
    ValueError
        for a width below 1, or dropout outside [0, 1)
    """

    HEAD = VotingHead

    def __init__(self, *, widths: Mapping[str, int], length: int, width: int = 64, gate_dropout: float = 0.5) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width must be positive, got {width}")
        if not 0.0 <= gate_dropout < 1.0:
            raise ValueError(f"gate_dropout must be in [0, 1), got {gate_dropout}")
        inputs = dict(widths) | {"fused": sum(widths.values())}
        self.voters = nn.ModuleDict({m: nn.Sequential(nn.Linear(d_m, width), nn.ReLU()) for m, d_m in inputs.items()})
        self.gates = nn.ModuleDict({m: nn.Linear(d_m + 1, 1) for m, d_m in inputs.items()})
        for parameter in self.gates.parameters():
            nn.init.zeros_(parameter)  # all voters start equally reliable
        self.gate_dropout = nn.Dropout(gate_dropout)
        self.out_features = (width + 1) * len(inputs)

    def build_head(self, *, ranges: Sequence[tuple[float, float]], **options: Any) -> nn.Module:
        """Build the voters' heads for targets of these ranges (low, high)."""
        return VotingHead(in_features=self.out_features, ranges=ranges, voters=len(self.voters), **options)

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse x : (b, t, d_m) by role, with mask : (b, t) bool.

        Attention holds "reliability_<role>" (b, t) of each role, and of "fused": 1 - exp(-s_m), the share of the
        targets' variance that the voter expects to explain, within 0 and 1.
        """
        read = dict(x) | {"fused": torch.cat(list(x.values()), dim=-1)}
        h = [voter(read[m]) for m, voter in self.voters.items()]
        s = [gate(self.gate_dropout(_with_size(read[m]))) for m, gate in self.gates.items()]
        reliability = {f"reliability_{m}": _explained(s_m).squeeze(-1) for m, s_m in zip(read, s, strict=True)}
        return torch.cat([*h, *s], dim=-1), reliability


def _with_size(x: Tensor) -> Tensor:
    return torch.cat([x, x.square().mean(dim=-1, keepdim=True)], dim=-1)


def _explained(s: Tensor) -> Tensor:
    return (1 - torch.exp(-s)).clamp(0, 1)


FUSION = ReliabilityGate
