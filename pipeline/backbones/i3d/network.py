"""Inception I3D: the Inception-v1 network inflated into time, with the state-dict names of the public PyTorch port.

Carreira and Zisserman, "Quo Vadis, Action Recognition?", 2017; the poster's visual features ("I3D network inflated
from inception architecture pretrained on ImageNet"). Clips of 8 frames at 112 pixels, scaled to -1 .. 1. 3.4 GMAC
per frame, 4 times IR-50's. The published average pool of 2 x 7 x 7 asks for 16 frames at 224 pixels; the mean over
all positions takes any clip and is the same there.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.backbones.common import video_clips
from pipeline.backbones.common.checkpoints import load_trunk
from pipeline.backbones.common.published import allocate
from pipeline.backbones.common.random_norms import fill_random
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.i3d.blocks import Mixed, Pool, Unit
from pipeline.backbones.i3d.inflation import inflate, is_flat
from pipeline.clips.clip import Clip

MODALITY: Final[Literal["visual", "audio"]] = "visual"
DIMENSION: Final = 1024
NEEDS: Final = video_clips.NEEDS
MEAN: Final = (0.5, 0.5, 0.5)
DEVIATION: Final = (0.5, 0.5, 0.5)
FRONT_END: Final[dict[str, Any]] = video_clips.front_end(MEAN, DEVIATION)

RANDOM_CLIPS: Final = 8
"""Drawn clips on which random weights are fitted."""


class I3D(nn.Module):
    """Clips to the 1024 means before the classifier; in evaluation mode until `train` is called."""

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
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network from an I3D checkpoint, or inflate a 2-D Inception-v1.

        Parameters
        ----------
        state_dict : names of the PyTorch port, with or without ``logits``, which is left out; or those of torchvision's
            GoogLeNet, whose classifiers are left out

        Raises
        ------
        InputError
            If an entry is missing, unexpected or mis-shaped; all are listed.
        """
        if is_flat(state_dict):
            state_dict = inflate(state_dict)
        return load_trunk(cls, state_dict, what="Inception I3D", without=("logits.",))

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


def build(weights: Weights) -> I3D:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    if weights.path is not None:
        return I3D.from_published(weights.state_dict())
    network = allocate(I3D)
    clips = video_clips.random_clips(RANDOM_CLIPS, mean=MEAN, deviation=DEVIATION, seed=weights.seed)
    fill_random(network, clips, seed=weights.seed)
    return network


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether its clip shows a face at all, (T,)."""
    return video_clips.clips_valid(clip)


def embed(network: I3D, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the clip that ends at each frame, (T, 1024); see `video_clips.embed_clips`."""
    return video_clips.embed_clips(network, clip, mean=MEAN, deviation=DEVIATION, batch=batch, device=device)
