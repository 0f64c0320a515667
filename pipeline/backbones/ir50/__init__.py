"""IR-50: the improved residual network of ArcFace (mode ``ir``), with an output layer for 40 x 40 face crops."""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.backbones.common.batches import embed_faces
from pipeline.backbones.common.checkpoints import build_network
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.ir50.front_end import CROP, FRONT_END, centre_crop, check_size, normalise
from pipeline.backbones.ir50.inference import FoldedIR50
from pipeline.backbones.ir50.network import DIMENSION, IR50
from pipeline.backbones.ir50.random_weights import fill_random
from pipeline.clips.clip import Clip

__all__ = [
    "CROP",
    "DATASETS",
    "DIMENSION",
    "FRONT_END",
    "IR50",
    "MODALITY",
    "build",
    "centre_crop",
    "embed",
    "normalise",
    "valid",
]

MODALITY: Final[Literal["visual", "audio"]] = "visual"
DATASETS: Final = frozenset({"faces"})


def build(weights: Weights) -> IR50:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    return build_network(IR50, weights, fill_random)


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Return for each frame whether it has a face, (T,)."""
    return clip.face_valid


def embed(network: IR50 | FoldedIR50, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the face of each frame.

    Parameters
    ----------
    network : on `device`, as its `for_inference` returned it
    clip : with faces of at least 40 x 40
    batch : faces at a time
    device : where to compute

    Returns
    -------
    (T, 512); frames without a face share the embedding of the black picture that stands in for it

    Raises
    ------
    InputError
        The clip's faces are smaller than the crop.
    """
    check_size(clip.faces, trial=clip.trial, what="extract ir50")
    dtype = torch.bfloat16 if isinstance(network, FoldedIR50) else next(network.parameters()).dtype

    def forward(faces: Tensor) -> Tensor:
        embedding: Tensor = network(normalise(faces).to(dtype, memory_format=torch.channels_last))
        return embedding

    crops = centre_crop(clip.faces)
    return embed_faces(forward, lambda frames: crops[frames], clip.face_valid, batch=batch, device=device)
