"""ResNet-50, the plain bottleneck network with torchvision's state-dict names: public checkpoints load.

He et al., "Deep Residual Learning for Image Recognition", 2016. Not the ``ir50`` that the papers' checkpoint needs:
that one is made of basic units, ends in a linear layer for 40 x 40 crops and has other names throughout.

The network looks at the whole crop that the clip stores (`clips.face_size`, 48 x 48 by default), scaled as for
ImageNet; the mean over the last maps takes any size. It halves the picture five times: 48 pixels end as 2 x 2 maps.
A checkpoint trained on larger pictures is served better by clips of larger crops.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.backbones.common.checkpoints import load_trunk
from pipeline.backbones.common.imagenet import FRONT_END as IMAGENET
from pipeline.backbones.common.imagenet import normalise
from pipeline.backbones.common.published import allocate
from pipeline.backbones.common.random_norms import fill_random
from pipeline.backbones.common.random_pictures import random_pictures
from pipeline.backbones.common.resnet import Bottleneck, ResidualTrunk
from pipeline.backbones.common.visible import embed_visible
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip

MODALITY: Final[Literal["visual", "audio"]] = "visual"
DIMENSION: Final = 2048
NEEDS: Final = frozenset({"faces"})
FRONT_END: Final[dict[str, Any]] = IMAGENET

FACES: Final = 64
"""Drawn faces on which random weights are fitted."""


class ResNet50(ResidualTrunk):
    """Faces to the 2048 means before the classifier."""

    def __init__(self) -> None:
        super().__init__(block=Bottleneck, counts=(3, 4, 6, 3), channels=3)

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network from a checkpoint with torchvision's names.

        Parameters
        ----------
        state_dict : 318 entries, or 320 with the classifier ``fc`` of any number of classes, which is left out

        Raises
        ------
        InputError
            If an entry is missing, unexpected or mis-shaped; all are listed.
        """
        return load_trunk(cls, state_dict, what="ResNet-50", without=("fc.",))


def build(weights: Weights) -> ResNet50:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    if weights.path is not None:
        return ResNet50.from_published(weights.state_dict())
    network = allocate(ResNet50)
    faces = normalise(random_pictures(FACES, size=48, seed=weights.seed))
    fill_random(network, faces, seed=weights.seed, branch_ends=(".bn3",))
    return network


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether it has a face, (T,)."""
    return clip.face_valid


def embed(network: ResNet50, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the face of each frame.

    Parameters
    ----------
    network : on `device`, in the precision it shall compute in
    clip : with faces
    batch : faces at a time
    device : where to compute

    Returns
    -------
    (T, 2048); frames without a face share the embedding of the black picture that stands in for it
    """
    dtype = network.conv1.weight.dtype

    def forward(faces: Tensor) -> Tensor:
        embedding: Tensor = network(normalise(faces).to(dtype, memory_format=torch.channels_last))
        return embedding

    return embed_visible(forward, lambda frames: clip.faces[frames], clip.face_valid, batch=batch, device=device)
