"""The temporal convolutional network: dilated residual convolutions over time, then batch normalisation."""

from collections.abc import Sequence

from torch import Tensor, nn

from pipeline.temporal.blocks.convolutions import FrameNorm, TemporalConvolutions


class TCN(nn.Module):
    """Temporal convolutions, then batch normalisation over windows and frames.

    In training the batch statistics include padded frames: they are repeats of a trial's last frame, few, and in
    evaluation the running statistics take their place, so a causal encoder's valid outputs never depend on them.

    Parameters
    ----------
    in_features : width of a frame's features
    channels : width of each block; the published ones are 256, 256, 128, 128 for vision and 128, 128, 64, 64 for audio
    kernel_size : 5 as published
    dropout : after each convolution

    Raises
    ------
    ValueError
        as `TemporalConvolutions`
    """

    def __init__(
        self,
        *,
        in_features: int,
        channels: Sequence[int] = (256, 256, 128, 128),
        kernel_size: int = 5,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.convolutions = TemporalConvolutions(
            in_features=in_features, channels=channels, kernel_size=kernel_size, dropout=dropout
        )
        self.out_features = self.convolutions.out_features
        self.norm = FrameNorm(self.out_features)

    @property
    def receptive_field(self) -> int:
        """Frames that one output frame depends on, itself included."""
        return self.convolutions.receptive_field

    def forward(self, x: Tensor) -> Tensor:
        """Map x : (b, t, in_features) to (b, t, out_features)."""
        output: Tensor = self.norm(self.convolutions(x.transpose(1, 2)))
        return output.transpose(1, 2)


ENCODER = TCN
