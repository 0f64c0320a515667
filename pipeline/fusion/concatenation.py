"""Feature concatenation: [X_a; X_v], one fully connected layer, head (poster Tab. 1 and 3; Kuhnke et al.)."""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.head import RegressionHead
from pipeline.fusion.blocks.output import FusionOutput
from pipeline.fusion.blocks.streams import StreamEncoders, require_roles


class Concatenation(nn.Module):
    """Frame-wise concatenation without any attention: what a fusion model has to beat.

    Parameters
    ----------
    encoders : of two or more streams; their outputs are concatenated in this order
    fully_connected : (b, t, d) to (b, t, width)
    head : (b, t, width) to (b, t, k)
    """

    def __init__(self, *, encoders: StreamEncoders, fully_connected: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoders = encoders
        self.fully_connected = fully_connected
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
        hidden: int | None = 128,
        dropout: float = 0.5,
    ) -> Self:
        """Build the system; see `pipeline.fusion.blocks.output.FusionSystem` for the streams.

        Parameters
        ----------
        encoders, widths, length, ranges : streams and targets; any window length does
        width : of the fully connected layer
        hidden, dropout : of the head

        Raises
        ------
        ValueError
            with fewer than two streams, or a width below 1
        """
        require_roles("concatenation", encoders, others=(2, None))
        if width < 1:
            raise ValueError(f"width must be positive, got {width}")
        return cls(
            encoders=StreamEncoders(encoders=encoders, widths=widths),
            fully_connected=nn.Sequential(nn.Linear(sum(widths.values()), width), nn.ReLU()),
            head=RegressionHead(in_features=width, ranges=ranges, hidden=hidden, dropout=dropout),
        )

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict from streams : (b, t, d_in) by role, with mask : (b, t) bool."""
        joint = torch.cat(list(self.encoders(streams, mask).values()), dim=-1)
        features = self.fully_connected(joint)
        return FusionOutput(predictions=self.head(features), features=features)


FUSION = Concatenation
