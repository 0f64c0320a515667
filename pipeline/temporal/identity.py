"""No temporal model: each frame's features as they are, which is the challenge's baseline."""

from torch import Tensor, nn


class Identity(nn.Module):
    """Pass the features on.

    Parameters
    ----------
    in_features : width of a frame's features

    Raises
    ------
    ValueError
        for a width below 1
    """

    def __init__(self, *, in_features: int) -> None:
        super().__init__()
        if in_features < 1:
            raise ValueError(f"in_features must be positive, got {in_features}")
        self.out_features = in_features

    @property
    def receptive_field(self) -> int:
        """One frame: nothing looks past its own."""
        return 1

    def forward(self, x: Tensor) -> Tensor:
        """Return x : (b, t, in_features)."""
        return x


ENCODER = Identity
