"""IR-50: the improved residual network of ArcFace (mode ``ir``), with an output layer for 40 x 40 face crops.

Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019; the published checkpoint
``res50_ir_0.887.pth`` was trained on MS-Celeb-1M and tuned on FER+. Not torchvision's ResNet-50: its units are basic
ones (two 3 x 3 convolutions) that begin with a batch norm, and nothing follows the sum.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.backbones.common.published import allocate, load_strictly
from pipeline.backbones.common.visible import embed_visible
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.ir50.random_weights import fill_random
from pipeline.clips.clip import Clip
from pipeline.runtime.errors import InputError, Problem

MODALITY: Final[Literal["visual", "audio"]] = "visual"
DIMENSION: Final = 512
NEEDS: Final = frozenset({"faces"})
CROP: Final = 40
FRONT_END: Final[dict[str, Any]] = {
    "crop": CROP,
    "place": "centre",
    "colour": "RGB",
    "scaling": "(x / 255 - 0.5) / 0.5",
}

STAGES: Final = ((64, 3, 1), (128, 4, 2), (256, 14, 2), (512, 3, 2))
"""(depth, units, stride of the first unit) of each stage; `body` numbers the units through."""


class Unit(nn.Module):
    """An improved residual unit: norm, convolution, PReLU, strided convolution, norm, plus the shortcut.

    Parameters
    ----------
    width : channels of the input
    depth : channels of the output
    stride : of the second convolution and of the shortcut
    """

    def __init__(self, *, width: int, depth: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.shortcut_layer: nn.Sequential | None = None
        if width != depth:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(width, depth, 1, stride, bias=False),
                nn.BatchNorm2d(depth),
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Conv2d(width, depth, 3, 1, 1, bias=False),
            nn.PReLU(depth),
            nn.Conv2d(depth, depth, 3, stride, 1, bias=False),
            nn.BatchNorm2d(depth),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to (n, depth, h / stride, w / stride)."""
        if self.shortcut_layer is not None:
            shortcut: Tensor = self.shortcut_layer(x)
        else:
            shortcut = x[..., :: self.stride, :: self.stride]
        residual: Tensor = self.res_layer(x)
        return residual + shortcut


class IR50(nn.Module):
    """Faces to unit vectors; always in evaluation mode until `train` is called.

    `output_layer` is registered before `body`, as in the published code: parameters come in the published order.
    """

    def __init__(self) -> None:
        super().__init__()
        first = STAGES[0][0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, first, 3, 1, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.PReLU(first),
        )
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(DIMENSION),
            nn.Dropout(0.4),
            nn.Flatten(),
            nn.Linear(DIMENSION * 5 * 5, DIMENSION),
            nn.BatchNorm1d(DIMENSION),
        )
        units: list[Unit] = []
        width = first
        for depth, count, stride in STAGES:
            for index in range(count):
                units.append(Unit(width=width, depth=depth, stride=stride if index == 0 else 1))
                width = depth
        self.body = nn.Sequential(*units)
        self.eval()

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network from a checkpoint with bare names, or with ``backbone.*`` and ``logits.*``.

        Parameters
        ----------
        state_dict : 349 entries, or 351 with the expression classifier ``logits``, which is left out

        Raises
        ------
        InputError
            If an entry is missing, unexpected or mis-shaped; all are listed.
        """
        if any(key.startswith("backbone.") for key in state_dict):
            state_dict = {
                key.removeprefix("backbone."): value
                for key, value in state_dict.items()
                if key not in ("logits.weight", "logits.bias")
            }
        network = allocate(cls)
        load_strictly(network, state_dict, what="IR-50")
        return network

    def forward(self, x: Tensor) -> Tensor:
        """Embed faces.

        Parameters
        ----------
        x : (n, 3, 40, 40) RGB scaled to -1 .. 1

        Returns
        -------
        (n, 512) float32, of unit length
        """
        if x.ndim != 4 or x.shape[1:] != (3, CROP, CROP):
            raise ValueError(f"IR-50 takes faces of shape (n, 3, {CROP}, {CROP}), got {tuple(x.shape)}")
        x = self.input_layer(x)  # (n, 64, 40, 40)
        x = self.body(x)  # (n, 512, 5, 5)
        x = self.output_layer(x)  # (n, 512)
        return functional.normalize(x.float(), dim=1)


def build(weights: Weights) -> IR50:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    if weights.path is not None:
        return IR50.from_published(weights.state_dict())
    network = allocate(IR50)
    fill_random(network, crop=CROP, seed=weights.seed)
    return network


def normalise(faces: Tensor) -> Tensor:
    """Scale (n, 40, 40, 3) uint8 RGB to the (n, 3, 40, 40) float32 of -1 .. 1 that the network takes."""
    return (faces.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def centre_crop(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Cut the centre 40 x 40 out of (T, S, S, 3) crops, without copying."""
    height, width = faces.shape[1:3]
    top, left = (height - CROP) // 2, (width - CROP) // 2
    return faces[:, top : top + CROP, left : left + CROP]


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether it has a face, (T,)."""
    return clip.face_valid


def embed(network: IR50, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the face of each frame.

    Parameters
    ----------
    network : on `device`, in the precision it shall compute in
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
    if min(clip.faces.shape[1:3]) < CROP:
        message = f"faces of {clip.faces.shape[1]} x {clip.faces.shape[2]} pixels, but IR-50 looks at {CROP} x {CROP}"
        problem = Problem(message, trial=clip.trial, remedy="set `clips.face_size: 48`")
        raise InputError("extract ir50", [problem])
    dtype = next(network.parameters()).dtype

    def forward(faces: Tensor) -> Tensor:
        embedding: Tensor = network(normalise(faces).to(dtype, memory_format=torch.channels_last))
        return embedding

    crops = centre_crop(clip.faces)
    return embed_visible(forward, lambda frames: crops[frames], clip.face_valid, batch=batch, device=device)
