"""Cross-attention from the cross-correlation of audio and visual features (poster eq. 1-5)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.attention import masked_softmax
from pipeline.fusion.blocks.matrices import xavier
from pipeline.fusion.blocks.system import AudioVisualSystem, Fused


class CrossAttention(AudioVisualSystem):
    """Each modality is summed up, for each frame of the other, by how well its frames correlate with that frame.

    The poster's W is (K, K) with K the feature width, which closes for columns = time alone: X_m is (K, t) and
    Z = X_a' W X_v is (t, t), one number for each pair of an audio and a visual frame. With this project's rows = time,
    x_m = X_m', the same equations read

        Z = x_a W x_v'                                          (t, t), row = audio frame, column = visual frame   (1)
        A_a, A_v = column-wise softmax of Z, Z'                 over audio frames, over visual frames
        x_att_a = tanh(x_a + A_a' x_a), x_att_v = tanh(x_v + A_v' x_v)                                             (2-4)
        x = [x_att_v; x_att_a]                                                                                     (5)

    so that row j of A_a' x_a is the audio that goes with visual frame j. Nothing is bound to the window length.
    Streams of other widths than K are first projected to it.

    Parameters
    ----------
    d_a, d_v, length : see `AudioVisualSystem`
    width : the common width K

    Raises
    ------
    ValueError
        for a width below 1
    """

    def __init__(self, *, d_a: int, d_v: int, length: int, width: int = 128) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width must be positive, got {width}")
        self.project_a = nn.Identity() if d_a == width else nn.Linear(d_a, width)
        self.project_v = nn.Identity() if d_v == width else nn.Linear(d_v, width)
        self.W = xavier(width, width)
        self.out_features = 2 * width

    def attend(self, x_a: Tensor, x_v: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Evaluate equations 1 to 4, over the frames that exist.

        Parameters
        ----------
        x_a, x_v : (b, t, K)
        mask : (b, t) bool

        Returns
        -------
        x_att_a, x_att_v : (b, t, K)
        A_a, A_v : (b, t, t), columns summing to one
        """
        Z = x_a @ self.W @ x_v.transpose(1, 2)  # (b, t, t)
        rows = mask.unsqueeze(-1)  # in both maps a column runs over the frames that are summed up
        A_a = masked_softmax(Z, rows, dim=1)
        A_v = masked_softmax(Z.transpose(1, 2), rows, dim=1)
        x_att_a = torch.tanh(x_a + A_a.transpose(1, 2) @ x_a)
        x_att_v = torch.tanh(x_v + A_v.transpose(1, 2) @ x_v)
        return x_att_a, x_att_v, A_a, A_v

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse x : (b, t, d_a) and (b, t, d_v) by role, with mask : (b, t) bool.

        Attention holds "audio" (A_a) and "visual" (A_v), each (b, t, t) with columns summing to one.
        """
        x_att_a, x_att_v, A_a, A_v = self.attend(self.project_a(x["audio"]), self.project_v(x["visual"]), mask)
        return torch.cat([x_att_v, x_att_a], dim=-1), {"audio": A_a, "visual": A_v}


FUSION = CrossAttention
