"""ResNet-18 on the 44.1 kHz spectrogram as a picture of one channel: the audio backbone of Kuhnke et al.

He et al., "Deep Residual Learning for Image Recognition", 2016; Kuhnke et al., "Two-Stream Aural-Visual Affect
Analysis in the Wild", 2020 (GRJCA paper, Table 1). Bands run down, time runs to the right: (1, 64, 107).
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.backbones.common import spectrogram_embed
from pipeline.backbones.common.checkpoints import load_trunk, sum_colours
from pipeline.backbones.common.published import allocate
from pipeline.backbones.common.random_norms import fill_random
from pipeline.backbones.common.resnet import BasicBlock, ResidualTrunk
from pipeline.backbones.common.spectrogram_44k import FRONT_END as SPECTROGRAM
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip

MODALITY: Final[Literal["visual", "audio"]] = "audio"
DIMENSION: Final = 512
NEEDS: Final = spectrogram_embed.NEEDS
FRONT_END: Final[dict[str, Any]] = SPECTROGRAM


class ResNet18Audio(ResidualTrunk):
    """Spectrograms, (n, 1, 64, 107), to the 512 means before the classifier."""

    def __init__(self) -> None:
        super().__init__(block=BasicBlock, counts=(2, 2, 2, 2), channels=1)

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network from a checkpoint with torchvision's names.

        Parameters
        ----------
        state_dict : 120 entries, or 122 with the classifier ``fc``, which is left out. ``conv1.weight`` is
            (64, 1, 7, 7); that of a network for pictures, (64, 3, 7, 7), is summed over the colours: the network then
            answers a spectrogram as the original answers it in all three channels at once

        Raises
        ------
        InputError
            If an entry is missing, unexpected or mis-shaped; all are listed.
        """
        return load_trunk(cls, sum_colours(state_dict, "conv1.weight"), what="ResNet-18 for sound", without=("fc.",))


def build(weights: Weights) -> ResNet18Audio:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    if weights.path is not None:
        return ResNet18Audio.from_published(weights.state_dict())
    network = allocate(ResNet18Audio)
    patches = spectrogram_embed.pictures(spectrogram_embed.random_patches(seed=weights.seed))
    fill_random(network, patches, seed=weights.seed, branch_ends=(".bn2",))
    return network


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether its patch holds any sound, (T,)."""
    return spectrogram_embed.patches_heard(clip)


def embed(network: ResNet18Audio, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the sound that ends at each frame, (T, 512); see `spectrogram_embed.embed_patches`."""
    dtype = network.conv1.weight.dtype

    def forward(patches: Tensor) -> Tensor:
        pictures = spectrogram_embed.pictures(patches)
        embedding: Tensor = network(pictures.to(dtype, memory_format=torch.channels_last))
        return embedding

    return spectrogram_embed.embed_patches(forward, clip, batch=batch, device=device)
