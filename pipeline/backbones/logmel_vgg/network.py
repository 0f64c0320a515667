"""VGGish's network on the GRJCA paper's own spectrogram: 1.07 s at 44.1 kHz to 128 numbers.

GRJCA paper, sections 1.2 and 2.2: a VGG after Hershey et al., 2017, on spectrograms of 64 x 107. Four pools take 107
x 64 to 6 x 4, as they take VGGish's own 96 x 64: all parameters have the published names and shapes, so that
VGGish's checkpoint loads as a start for tuning. Its features are of use on this input only after that: it was
trained on another scale, ln(mel + 0.01) at 16 kHz.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.backbones.common import spectrogram_embed
from pipeline.backbones.common.published import allocate, load_strictly
from pipeline.backbones.common.random_layers import fill_vgg
from pipeline.backbones.common.spectrogram_44k import BANDS, PATCH
from pipeline.backbones.common.spectrogram_44k import FRONT_END as SPECTROGRAM
from pipeline.backbones.common.vgg_blocks import DEPTH, convolutions
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip

MODALITY: Final[Literal["visual", "audio"]] = "audio"
DIMENSION: Final = 128
NEEDS: Final = spectrogram_embed.NEEDS
FRONT_END: Final[dict[str, Any]] = SPECTROGRAM

HIDDEN: Final = 4096


class LogMelVGG(nn.Module):
    """Spectrograms to embeddings before the last activation; in evaluation mode until `train` is called."""

    def __init__(self) -> None:
        super().__init__()
        self.features = convolutions(channels=1, norms=False)
        self.embeddings = nn.Sequential(
            nn.Linear(DEPTH * (PATCH // 16) * (BANDS // 16), HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, DIMENSION),
        )
        self.eval()

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network from a checkpoint with VGGish's names.

        Parameters
        ----------
        state_dict : the 18 tensors; entries ``pproc.*`` (PCA and quantisation) are left out

        Raises
        ------
        InputError
            If an entry is missing, unexpected or mis-shaped; all are listed.
        """
        network = allocate(cls)
        kept = {key: value for key, value in state_dict.items() if not key.startswith("pproc.")}
        load_strictly(network, kept, what="the VGG for 64 x 107 spectrograms")
        return network

    def forward(self, x: Tensor) -> Tensor:
        """Embed spectrograms.

        Parameters
        ----------
        x : (n, 107, 64) normalised decibels, rows in time

        Returns
        -------
        (n, 128), before the last activation
        """
        if x.ndim != 3 or x.shape[1:] != (PATCH, BANDS):
            raise ValueError(f"the VGG takes patches of shape (n, {PATCH}, {BANDS}), got {tuple(x.shape)}")
        x = self.features(x.unsqueeze(1).contiguous(memory_format=torch.channels_last))  # (n, 512, 6, 4)
        embedding: Tensor = self.embeddings(x.permute(0, 2, 3, 1).flatten(1))  # from (n, 12288), channels fastest
        return embedding


def build(weights: Weights) -> LogMelVGG:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    if weights.path is not None:
        return LogMelVGG.from_published(weights.state_dict())
    network = allocate(LogMelVGG)
    patches = spectrogram_embed.random_patches(seed=weights.seed)
    fill_vgg(network.features, network.embeddings, patches, seed=weights.seed)
    return network


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether its patch holds any sound, (T,)."""
    return spectrogram_embed.patches_heard(clip)


def embed(network: LogMelVGG, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the sound that ends at each frame, (T, 128); see `spectrogram_embed.embed_patches`."""
    dtype = next(network.parameters()).dtype
    return spectrogram_embed.embed_patches(lambda x: network(x.to(dtype)), clip, batch=batch, device=device)
