"""One stream and a head: the tables' Audio and Visual columns; without a temporal model, the challenge baseline."""

from collections.abc import Mapping

from torch import Tensor

from pipeline.fusion.blocks.system import Fused, FusionSystem


class Unimodal(FusionSystem):
    """The stream itself.

    Parameters
    ----------
    widths, length : see `FusionSystem`; one stream of any role
    """

    STREAMS = (1, 1)

    def __init__(self, *, widths: Mapping[str, int], length: int) -> None:
        super().__init__()
        (self.out_features,) = widths.values()

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Return the one stream of x : (b, t, d_m), with mask : (b, t) bool."""
        (features,) = x.values()
        return features, {}


FUSION = Unimodal
