"""Random IR-50 weights whose embeddings move with the face."""

import torch
from torch import nn

from pipeline.backbones.common import random_norms
from pipeline.backbones.common.random_faces import random_faces

FACES = 48
PER_IDENTITY = 4
SLOPE = 0.25
"""Of every PReLU on its negative side."""


def fill_random(network: nn.Module, *, crop: int, seed: int) -> None:
    """Overwrite every number of an IR-50, in place.

    Parameters
    ----------
    network : IR50; on the CPU, in evaluation mode afterwards
    crop : pixels along a side of what the network sees, out of a 48-pixel crop
    seed : of weights and drawn faces
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.PReLU):
                module.weight.fill_(SLOPE)
    faces = random_faces(FACES, size=crop, reach=crop / 48, per_identity=PER_IDENTITY, seed=seed)
    sample = torch.from_numpy(faces).contiguous(memory_format=torch.channels_last)
    random_norms.fill_random(network, sample, seed=seed, branch_ends=("res_layer.4",))
