"""Inception I3D: the Inception-v1 network inflated into time, with the state-dict names of the public PyTorch port.

Carreira and Zisserman, "Quo Vadis, Action Recognition?", 2017. The published average pool of 2 x 7 x 7 asks for 16
frames at 224 pixels; the mean over all positions takes any clip and is the same there.
"""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from pipeline.backbones.common.checkpoints import PublishedNetwork
from pipeline.backbones.i3d.blocks import Mixed, Pool, Unit
from pipeline.backbones.i3d.inflation import inflate, is_flat


class I3D(PublishedNetwork):
    """Clips to the 1024 means before the classifier; in evaluation mode until `train` is called.

    A checkpoint has the names of the PyTorch port, with or without ``logits``, which is left out; or those of
    torchvision's GoogLeNet, an Inception-v1 that is inflated, without its classifiers.
    """

    TITLE: ClassVar = "Inception I3D"
    LEFT_OUT: ClassVar = ("logits.",)

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(width=3, depth=64, size=7, stride=2)
        self.MaxPool3d_2a_3x3 = Pool(size=(1, 3, 3), stride=(1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(width=64, depth=64)
        self.Conv3d_2c_3x3 = Unit(width=64, depth=192, size=3)
        self.MaxPool3d_3a_3x3 = Pool(size=(1, 3, 3), stride=(1, 2, 2))
        self.Mixed_3b = Mixed(width=192, depths=(64, 96, 128, 16, 32, 32))
        self.Mixed_3c = Mixed(width=256, depths=(128, 128, 192, 32, 96, 64))
        self.MaxPool3d_4a_3x3 = Pool(size=(3, 3, 3), stride=(2, 2, 2))
        self.Mixed_4b = Mixed(width=480, depths=(192, 96, 208, 16, 48, 64))
        self.Mixed_4c = Mixed(width=512, depths=(160, 112, 224, 24, 64, 64))
        self.Mixed_4d = Mixed(width=512, depths=(128, 128, 256, 24, 64, 64))
        self.Mixed_4e = Mixed(width=512, depths=(112, 144, 288, 32, 64, 64))
        self.Mixed_4f = Mixed(width=528, depths=(256, 160, 320, 32, 128, 128))
        self.MaxPool3d_5a_2x2 = Pool(size=(2, 2, 2), stride=(2, 2, 2))
        self.Mixed_5b = Mixed(width=832, depths=(256, 160, 320, 32, 128, 128))
        self.Mixed_5c = Mixed(width=832, depths=(384, 192, 384, 48, 128, 128))
        self.eval()

    @classmethod
    def adapted(cls, state_dict: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Inflate a 2-D Inception-v1."""
        return inflate(state_dict) if is_flat(state_dict) else state_dict

    def forward(self, x: Tensor) -> Tensor:
        """Embed clips.

        Parameters
        ----------
        x : (n, 3, t, h, w) RGB scaled to -1 .. 1, of any length, height and width

        Returns
        -------
        (n, 1024) float32
        """
        return self.maps(x).float().mean(dim=(2, 3, 4))

    def maps(self, x: Tensor) -> Tensor:
        """Return the last maps, (n, 1024, t / 8, h / 32, w / 32), of the clips that `forward` takes."""
        if x.ndim != 5 or x.shape[1] != 3:
            raise ValueError(f"I3D takes clips of shape (n, 3, t, h, w), got {tuple(x.shape)}")
        for layer in self.children():
            x = layer(x)
        return x
