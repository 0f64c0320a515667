"""Self-attention fusion: each modality attends to itself over time, then all are concatenated (poster Tab. 1)."""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.attention import TimeAttention
from pipeline.fusion.blocks.head import RegressionHead
from pipeline.fusion.blocks.output import FusionOutput
from pipeline.fusion.blocks.streams import StreamEncoders, require_roles


class SelfAttention(nn.Module):
    """X_m + softmax(Q_m K_m' / sqrt(d_k)) V_m for each modality m, concatenated; modalities meet in the head alone.

    The poster names this system and gives no equations: they are the scaled dot-product's, with a residual connection.

    Parameters
    ----------
    encoders : of two or more streams; the attended features are concatenated in this order
    attention : for each role, a `TimeAttention` whose three widths are the stream's
    head : (b, t, d) to (b, t, k)
    """

    def __init__(self, *, encoders: StreamEncoders, attention: Mapping[str, TimeAttention], head: nn.Module) -> None:
        super().__init__()
        self.encoders = encoders
        self.attention = nn.ModuleDict(attention)
        self.head = head

    @classmethod
    def from_streams(
        cls,
        *,
        encoders: Mapping[str, nn.Module],
        widths: Mapping[str, int],
        length: int,
        ranges: Sequence[tuple[float, float]],
        heads: int = 1,
        hidden: int | None = 128,
        dropout: float = 0.5,
    ) -> Self:
        """Build the system; see `pipeline.fusion.blocks.output.FusionSystem` for the streams.

        Parameters
        ----------
        encoders, widths, length, ranges : streams and targets; any window length does
        heads : of each attention; must divide every stream's width
        hidden, dropout : of the head

        Raises
        ------
        ValueError
            with fewer than two streams, or heads that do not divide a width
        """
        require_roles("self_attention", encoders, others=(2, None))
        return cls(
            encoders=StreamEncoders(encoders=encoders, widths=widths),
            attention={
                role: TimeAttention(d_query=widths[role], d_key=widths[role], width=widths[role], heads=heads)
                for role in encoders
            },
            head=RegressionHead(in_features=sum(widths.values()), ranges=ranges, hidden=hidden, dropout=dropout),
        )

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict from streams : (b, t, d_in) by role, with mask : (b, t) bool.

        `attention` holds each role's map (b, heads, t, t): row = frame, columns = the frames that it attends to.
        """
        attended, maps = [], {}
        for role, x in self.encoders(streams, mask).items():
            update, maps[role] = self.attention[role](x, x, mask)
            attended.append(x + update)
        features = torch.cat(attended, dim=-1)
        return FusionOutput(predictions=self.head(features), features=features, attention=maps)


FUSION = SelfAttention
