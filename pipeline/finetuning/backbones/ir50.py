"""How IR-50 is fine-tuned: from its output layer backwards, on faces cropped and mirrored window by window."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.backbones.common.batches import to_device
from pipeline.backbones.ir50 import CROP, IR50, normalise
from pipeline.backbones.ir50.front_end import check_size
from pipeline.clips.excerpt import OpenClip
from pipeline.finetuning.tunable import Augmentation, Excerpt, Step

RELEASE: Final = (
    ("output_layer",),
    ("body.21", "body.22", "body.23"),
    ("body.18", "body.19", "body.20"),
)
"""As published, where they are positions in a list: the output layer, the last stage, a part of the one before."""


def steps(network: IR50) -> list[Step]:
    """Cut the network at its modules."""
    units: list[Step] = [(f"body.{index}", unit) for index, unit in enumerate(network.body)]
    return [("input_layer", network.input_layer), *units, ("output_layer", network.output_layer), ("norm", _normalise)]


def _normalise(x: Tensor) -> Tensor:
    return functional.normalize(x.float(), dim=1)


def read(clip: OpenClip, frames: npt.NDArray[np.int64]) -> Excerpt:
    """Read the faces of `frames`, (n, s, s, 3); a missing one is black in the clip already.

    Raises
    ------
    InputError
        The clip's faces are smaller than the crop.
    """
    faces = clip.faces(frames)
    check_size(faces, trial=clip.trial, what="fine-tuning ir50")
    return (faces,)


def prepare(network: IR50, excerpt: Excerpt, *, augmentation: Augmentation, device: torch.device) -> Tensor:
    """Crop, mirror and scale to (n, 3, 40, 40)."""
    (faces,) = excerpt
    top, left = crop_corner(augmentation, height=faces.shape[1], width=faces.shape[2])
    crops = np.ascontiguousarray(faces[:, top : top + CROP, left : left + CROP])
    pixels = to_device(crops, device)
    if augmentation.mirrored:
        pixels = pixels.flip(2)
    return normalise(pixels).contiguous(memory_format=torch.channels_last)


def crop_corner(augmentation: Augmentation, *, height: int, width: int) -> tuple[int, int]:
    """Return the first row and column of the crop out of `height` x `width` pixels."""
    if augmentation.crop is None:
        return (height - CROP) // 2, (width - CROP) // 2
    top, left = augmentation.crop
    return int(top * (height - CROP + 1)), int(left * (width - CROP + 1))
