"""Drawn faces as the 8-bit pixels that a clip holds: samples for random weights to be fitted on."""

import torch
from torch import Tensor

from pipeline.backbones.common.random_faces import random_faces

PER_IDENTITY = 4


def random_pictures(count: int, *, size: int, seed: int, per_identity: int = PER_IDENTITY) -> Tensor:
    """Draw faces that fill their crop.

    Parameters
    ----------
    count : how many
    size : pixels along a side
    seed : of the random stream
    per_identity : consecutive faces of one identity

    Returns
    -------
    (count, size, size, 3) uint8 RGB
    """
    faces = torch.from_numpy(random_faces(count, size=size, reach=1.0, per_identity=per_identity, seed=seed))
    return ((faces.movedim(1, -1) + 1) * 127.5).round().to(torch.uint8)
