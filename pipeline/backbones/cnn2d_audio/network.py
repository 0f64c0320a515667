"""The poster's 2-D CNN on spectrograms: 1.07 s at 44.1 kHz, as a picture of one channel. See `cnn2d`.

The poster says "2D CNN using spectrograms" and gives none of their numbers; these are the GRJCA paper's, of the same
group. Bands run down, time runs to the right: (1, 64, 107).
"""

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.backbones.common import spectrogram_embed
from pipeline.backbones.common.cnn2d import DIMENSION, SpectrogramCNN
from pipeline.backbones.common.published import allocate
from pipeline.backbones.common.random_norms import fill_random
from pipeline.backbones.common.spectrogram_44k import FRONT_END as SPECTROGRAM
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip

__all__ = ["DIMENSION", "FRONT_END", "MODALITY", "NEEDS", "build", "embed", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "audio"
NEEDS: Final = spectrogram_embed.NEEDS
FRONT_END: Final[dict[str, Any]] = SPECTROGRAM


def build(weights: Weights) -> SpectrogramCNN:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    if weights.path is not None:
        return SpectrogramCNN.from_published(weights.state_dict())
    network = allocate(SpectrogramCNN)
    patches = spectrogram_embed.random_patches(seed=weights.seed)
    fill_random(network, spectrogram_embed.pictures(patches), seed=weights.seed)
    return network


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether its patch holds any sound, (T,)."""
    return spectrogram_embed.patches_heard(clip)


def embed(network: SpectrogramCNN, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the sound that ends at each frame, (T, 512); see `spectrogram_embed.embed_patches`."""
    dtype = next(network.parameters()).dtype

    def forward(patches: Tensor) -> Tensor:
        embedding: Tensor = network(spectrogram_embed.pictures(patches).to(dtype))
        return embedding

    return spectrogram_embed.embed_patches(forward, clip, batch=batch, device=device)
