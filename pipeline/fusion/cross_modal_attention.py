"""Cross-modal attention: visual queries attend each audio stream over time (interactive fusion paper, eq. 8-15)."""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.attention import TimeAttention
from pipeline.fusion.blocks.head import NormalisedHead
from pipeline.fusion.blocks.output import FusionOutput
from pipeline.fusion.blocks.streams import StreamEncoders, require_roles


class CrossModalAttention(nn.Module):
    """[F_v; F_v_vgg; F_v_lm] -> LayerNorm -> Linear -> GELU -> Dropout -> Linear.

        F_v_m = softmax(Q K' / sqrt(d_k)) V, Q from F_v, K and V from audio stream m       (8-10)
        F_concat = [F_v; F_v_vgg; F_v_lm]                                                  (11)

    The paper writes Q, K and V as the features themselves, which closes for equal widths only; here each is a linear
    projection to a common width. Equations 5-7 are `pipeline.temporal.multiscale`, 12-15 the head.

    Parameters
    ----------
    encoders : of "visual" and one or more audio streams (the paper: VGGish and log-mel)
    attention : for each audio role
    head : (b, t, d) to (b, t, k)
    """

    QUERY = "visual"

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
        width: int = 128,
        heads: int = 1,
        hidden: int = 128,
        dropout: float = 0.5,
        bounded: bool = False,
    ) -> Self:
        """Build the system; see `pipeline.fusion.blocks.output.FusionSystem` for the streams.

        Parameters
        ----------
        encoders, widths, length, ranges : streams and targets; any window length does
        width, heads : of each attention
        hidden, dropout, bounded : of the head, see `pipeline.fusion.blocks.head.NormalisedHead`

        Raises
        ------
        ValueError
            without "visual" or any audio stream, or as `TimeAttention` and `NormalisedHead`
        """
        require_roles("cross_modal_attention", encoders, needs=(cls.QUERY,), others=(1, None))
        audio = [role for role in encoders if role != cls.QUERY]
        d = widths[cls.QUERY] + width * len(audio)
        return cls(
            encoders=StreamEncoders(encoders=encoders, widths=widths),
            attention={
                role: TimeAttention(d_query=widths[cls.QUERY], d_key=widths[role], width=width, heads=heads)
                for role in audio
            },
            head=NormalisedHead(in_features=d, ranges=ranges, hidden=hidden, dropout=dropout, bounded=bounded),
        )

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict from streams : (b, t, d_in) by role, with mask : (b, t) bool.

        `attention` holds each audio role's map (b, heads, t, t): row = visual frame, columns = the audio frames.
        """
        x = self.encoders(streams, mask)
        attended, maps = [x[self.QUERY]], {}
        for role, attention in self.attention.items():
            update, maps[role] = attention(x[self.QUERY], x[role], mask)
            attended.append(update)
        features = torch.cat(attended, dim=-1)
        return FusionOutput(predictions=self.head(features), features=features, attention=maps)


FUSION = CrossModalAttention
