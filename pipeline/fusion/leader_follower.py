"""Leader-follower attention: modalities attend to each other at each frame, vision leads (Zhang et al.)."""

import math
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.head import RegressionHead
from pipeline.fusion.blocks.output import FusionOutput
from pipeline.fusion.blocks.streams import StreamEncoders, require_roles


class ModalityAttention(nn.Module):
    """Self-attention over the M modalities of one frame; frames never meet.

    Each modality has its own projection to Q, K and V of `width` features; softmax(Q K' / sqrt(d_k)) V + V over the
    modalities is concatenated to `width` x M features, then Linear, Dropout, LayerNorm.

    Parameters
    ----------
    widths : width of each modality, by role
    width : features of each of Q, K and V, over all heads
    heads : d_k = width / heads
    dropout : probability before the LayerNorm

    Raises
    ------
    ValueError
        for a width that the heads do not divide, or dropout outside [0, 1)
    """

    def __init__(self, *, widths: Mapping[str, int], width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width < 1 or heads < 1 or width % heads:
            raise ValueError(f"heads must divide the width, got {heads} heads for width {width}")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.heads = heads
        self.projections = nn.ModuleDict({role: nn.Linear(d_m, 3 * width) for role, d_m in widths.items()})
        self.out_features = width * len(widths)
        self.merge = nn.Sequential(
            nn.Linear(self.out_features, self.out_features), nn.Dropout(dropout), nn.LayerNorm(self.out_features)
        )

    def forward(self, x: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Attend.

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


class LeaderFollower(nn.Module):
    """[leader; attention over all modalities] -> head, frame by frame.

    Parameters
    ----------
    encoders : of "visual", which leads, and one or more followers
    attention : over all of them
    head : (b, t, d) to (b, t, k), d = the leader's width and the attention's
    """

    LEADER = "visual"

    def __init__(self, *, encoders: StreamEncoders, attention: ModalityAttention, head: nn.Module) -> None:
        super().__init__()
        self.encoders = encoders
        self.attention = attention
        self.head = head

    @classmethod
    def from_streams(
        cls,
        *,
        encoders: Mapping[str, nn.Module],
        widths: Mapping[str, int],
        length: int,
        ranges: Sequence[tuple[float, float]],
        width: int = 32,
        heads: int = 2,
        attention_dropout: float = 0.1,
        hidden: int | None = None,
        dropout: float = 0.0,
    ) -> Self:
        """Build the system; see `pipeline.fusion.blocks.output.FusionSystem` for the streams.

        Parameters
        ----------
        encoders, widths, length, ranges : streams and targets; any window length does
        width, heads, attention_dropout : of the attention, as published
        hidden, dropout : of the head; the published one is a single linear layer

        Raises
        ------
        ValueError
            without "visual" or any follower, or as `ModalityAttention`
        """
        require_roles("leader_follower", encoders, needs=(cls.LEADER,), others=(1, None))
        attention = ModalityAttention(
            widths={role: widths[role] for role in encoders}, width=width, heads=heads, dropout=attention_dropout
        )
        return cls(
            encoders=StreamEncoders(encoders=encoders, widths=widths),
            attention=attention,
            head=RegressionHead(
                in_features=widths[cls.LEADER] + attention.out_features, ranges=ranges, hidden=hidden, dropout=dropout
            ),
        )

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict from streams : (b, t, d_in) by role, with mask : (b, t) bool.

        `attention` holds "modalities" (b, t, heads, M, M): row = modality, columns = those that it attends to, both in
        the order of the streams.
        """
        x = self.encoders(streams, mask)
        attended, weights = self.attention(x)
        features = torch.cat([x[self.LEADER], attended], dim=-1)
        return FusionOutput(predictions=self.head(features), features=features, attention={"modalities": weights})


FUSION = LeaderFollower
