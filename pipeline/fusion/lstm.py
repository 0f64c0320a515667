"""LSTM fusion: the concatenated streams through a two-layer LSTM (poster Tab. 1)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.system import Fused, FusionSystem


class LSTMFusion(FusionSystem):
    """LSTM([X_a; X_v]), which reads the past alone.

    Parameters
    ----------
    widths, length : see `FusionSystem`; two or more streams, concatenated in their order
    width : of the LSTM's state
    layers : of the LSTM

    Raises
    ------
    ValueError
        for a width or number of layers below 1
    """

    def __init__(self, *, widths: Mapping[str, int], length: int, width: int = 128, layers: int = 2) -> None:
        super().__init__()
        if min(width, layers) < 1:
            raise ValueError(f"width and layers must be positive, got {width} and {layers}")
        self.lstm = nn.LSTM(sum(widths.values()), width, num_layers=layers, batch_first=True)
        self.out_features = width

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse x : (b, t, d_m) by role, with mask : (b, t) bool; a masked frame is a step whose input is zero."""
        with without_onednn():
            features, _ = self.lstm(torch.cat(list(x.values()), dim=-1))
        return features, {}


@contextmanager
def without_onednn() -> Iterator[None]:
    """Leave oneDNN's LSTM out: it has none in half precision below AVX-512, and its bytes differ between processors."""
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]  # typed as the property behind it
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


FUSION = LSTMFusion
