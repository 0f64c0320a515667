"""Random IR-50 weights whose embeddings move with the face."""

import torch
from torch import nn

from pipeline.backbones.common.drawn_faces import PER_IDENTITY, draw_faces
from pipeline.backbones.common.random_weights import fill_normed
from pipeline.backbones.ir50.front_end import CROP

FACES = 48
SLOPE = 0.25
"""Of every PReLU on its negative side."""


def fill_random(network: nn.Module, seed: int) -> None:
    """Overwrite every number of an IR-50, in place; it is in evaluation mode afterwards."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.PReLU):
                module.weight.fill_(SLOPE)
    # What the network is given of a 48-pixel face.
    faces = draw_faces(FACES, size=CROP, reach=CROP / 48, per_identity=PER_IDENTITY, seed=seed)
    sample = torch.from_numpy(faces).contiguous(memory_format=torch.channels_last)
    fill_normed(network, sample, seed=seed, branch_ends=("res_layer.4",))
