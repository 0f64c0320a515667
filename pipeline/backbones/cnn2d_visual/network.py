"""The poster's 2-D CNN on single faces: the whole crop that the clip stores, scaled as for ImageNet. See `cnn2d`."""

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.backbones.common.cnn2d import DIMENSION, PictureCNN
from pipeline.backbones.common.imagenet import FRONT_END as IMAGENET
from pipeline.backbones.common.imagenet import normalise
from pipeline.backbones.common.published import allocate
from pipeline.backbones.common.random_norms import fill_random
from pipeline.backbones.common.random_pictures import random_pictures
from pipeline.backbones.common.visible import embed_visible
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip

__all__ = ["DIMENSION", "FRONT_END", "MODALITY", "NEEDS", "build", "embed", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "visual"
NEEDS: Final = frozenset({"faces"})
FRONT_END: Final[dict[str, Any]] = IMAGENET

FACES: Final = 64
"""Drawn faces on which random weights are fitted."""


def build(weights: Weights) -> PictureCNN:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    if weights.path is not None:
        return PictureCNN.from_published(weights.state_dict())
    network = allocate(PictureCNN)
    fill_random(network, normalise(random_pictures(FACES, size=48, seed=weights.seed)), seed=weights.seed)
    return network


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether it has a face, (T,)."""
    return clip.face_valid


def embed(network: PictureCNN, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the face of each frame.

    Parameters
    ----------
    network : on `device`, in the precision it shall compute in
    clip : with faces
    batch : faces at a time
    device : where to compute

    Returns
    -------
    (T, 512); frames without a face share the embedding of the black picture that stands in for it
    """
    dtype = next(network.parameters()).dtype

    def forward(faces: Tensor) -> Tensor:
        embedding: Tensor = network(normalise(faces).to(dtype))
        return embedding

    return embed_visible(forward, lambda frames: clip.faces[frames], clip.face_valid, batch=batch, device=device)
