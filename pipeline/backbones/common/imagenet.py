"""The front end of networks trained on ImageNet: the whole face that a clip stores, scaled as torchvision scales it.

Shared by `resnet50` and `cnn2d_visual`. The mean over the last maps takes any size: `clips.face_size`, 48 x 48 by
default.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.backbones.common.batches import embed_faces
from pipeline.backbones.common.drawn_faces import draw_pictures
from pipeline.clips.clip import Clip

Triple = tuple[float, float, float]

DATASETS: Final = frozenset({"faces"})
MEAN: Final = (0.485, 0.456, 0.406)
DEVIATION: Final = (0.229, 0.224, 0.225)
FRONT_END: Final[dict[str, Any]] = {
    "crop": "whole",
    "colour": "RGB",
    "scaling": "(x / 255 - mean) / deviation",
    "mean": list(MEAN),
    "deviation": list(DEVIATION),
}

SAMPLE: Final = 64
"""Drawn faces on which random weights are fitted."""


def scale_colours(pixels: Tensor, mean: Triple, deviation: Triple) -> Tensor:
    """Subtract `mean` from (n, ..., 3) uint8 pixels over 255, divide by `deviation`, and put channels second."""
    planes = pixels.movedim(-1, 1).float() / 255
    shape = (1, 3, *[1] * (planes.ndim - 2))
    return (planes - torch.tensor(mean, device=planes.device).reshape(shape)) / torch.tensor(
        deviation, device=planes.device
    ).reshape(shape)


def normalise(pixels: Tensor) -> Tensor:
    """Scale (n, s, s, 3) uint8 RGB to (n, 3, s, s) float32 of about zero mean and unit variance."""
    return scale_colours(pixels, MEAN, DEVIATION)


def sample_faces(seed: int) -> Tensor:
    """Draw faces for random weights to be fitted on, (64, 3, 48, 48)."""
    return normalise(draw_pictures(SAMPLE, size=48, seed=seed))


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Return for each frame whether it has a face, (T,)."""
    return clip.face_valid


def embed(network: nn.Module, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the face of each frame.

    Parameters
    ----------
    network : maps (n, 3, s, s) on `device` to (n, width), in the precision it shall compute in
    clip : with faces
    batch : faces at a time
    device : where to compute

    Returns
    -------
    (T, width); frames without a face share the embedding of the black picture that stands in for it
    """
    dtype = next(network.parameters()).dtype

    def forward(faces: Tensor) -> Tensor:
        embedding: Tensor = network(normalise(faces).to(dtype, memory_format=torch.channels_last))
        return embedding

    return embed_faces(forward, lambda frames: clip.faces[frames], clip.face_valid, batch=batch, device=device)
