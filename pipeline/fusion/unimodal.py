"""One stream and a head: the tables' Audio and Visual columns; without a temporal model, the challenge baseline."""

from collections.abc import Mapping, Sequence
from typing import Self

from torch import Tensor, nn

from pipeline.fusion.blocks.head import RegressionHead
from pipeline.fusion.blocks.output import FusionOutput
from pipeline.fusion.blocks.streams import StreamEncoders, require_roles


class Unimodal(nn.Module):
    """A temporal encoder and a head.

    Parameters
    ----------
    encoders : of one stream, whatever its role
    head : (b, t, d_m) to (b, t, k)
    """

    def __init__(self, *, encoders: StreamEncoders, head: nn.Module) -> None:
        super().__init__()
        self.encoders = encoders
        self.head = head

    @classmethod
    def from_streams(
        cls,
        *,
        encoders: Mapping[str, nn.Module],
        widths: Mapping[str, int],
        length: int,
        ranges: Sequence[tuple[float, float]],
        hidden: int | None = 128,
        dropout: float = 0.5,
    ) -> Self:
        """Build the system; see `pipeline.fusion.blocks.output.FusionSystem` for the streams.

        Parameters
        ----------
        encoders, widths, length, ranges : streams and targets; any window length does
        hidden, dropout : of the head

        Raises
        ------
        ValueError
            unless there is exactly one stream
        """
        require_roles("unimodal", encoders, others=(1, 1))
        (width,) = widths.values()
        return cls(
            encoders=StreamEncoders(encoders=encoders, widths=widths),
            head=RegressionHead(in_features=width, ranges=ranges, hidden=hidden, dropout=dropout),
        )

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict from streams : one of (b, t, d_in), with mask : (b, t) bool."""
        (features,) = self.encoders(streams, mask).values()
        return FusionOutput(predictions=self.head(features), features=features)


FUSION = Unimodal
