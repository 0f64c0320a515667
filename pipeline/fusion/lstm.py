"""LSTM fusion: the concatenated streams through a two-layer LSTM (poster Tab. 1)."""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.head import RegressionHead
from pipeline.fusion.blocks.output import FusionOutput
from pipeline.fusion.blocks.streams import StreamEncoders, require_roles


class LSTMFusion(nn.Module):
    """[X_a; X_v] -> LSTM -> head, looking at the past alone.

    Parameters
    ----------
    encoders : of two or more streams; their outputs are concatenated in this order
    lstm : batch first, (b, t, d) to (b, t, width)
    head : (b, t, width) to (b, t, k)
    """

    def __init__(self, *, encoders: StreamEncoders, lstm: nn.LSTM, head: nn.Module) -> None:
        super().__init__()
        self.encoders = encoders
        self.lstm = lstm
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
        layers: int = 2,
        hidden: int | None = 128,
        dropout: float = 0.5,
    ) -> Self:
        """Build the system; see `pipeline.fusion.blocks.output.FusionSystem` for the streams.

        Parameters
        ----------
        encoders, widths, length, ranges : streams and targets; any window length does
        width : of the LSTM's state
        layers : of the LSTM
        hidden, dropout : of the head

        Raises
        ------
        ValueError
            with fewer than two streams, or a width or number of layers below 1
        """
        require_roles("lstm", encoders, others=(2, None))
        if min(width, layers) < 1:
            raise ValueError(f"width and layers must be positive, got {width} and {layers}")
        return cls(
            encoders=StreamEncoders(encoders=encoders, widths=widths),
            lstm=nn.LSTM(sum(widths.values()), width, num_layers=layers, batch_first=True),
            head=RegressionHead(in_features=width, ranges=ranges, hidden=hidden, dropout=dropout),
        )

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict from streams : (b, t, d_in) by role, with mask : (b, t) bool.

        A masked frame reaches the LSTM as zeros: a step without input.
        """
        joint = torch.cat(list(self.encoders(streams, mask).values()), dim=-1)
        features, _ = self.lstm(joint)
        return FusionOutput(predictions=self.head(features), features=features)


FUSION = LSTMFusion
