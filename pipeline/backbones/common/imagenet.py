"""How torchvision's ImageNet networks want their pixels."""

from typing import Any, Final

import torch
from torch import Tensor

MEAN: Final = (0.485, 0.456, 0.406)
DEVIATION: Final = (0.229, 0.224, 0.225)

FRONT_END: Final[dict[str, Any]] = {
    "crop": "whole",
    "colour": "RGB",
    "scaling": "(x / 255 - mean) / deviation",
    "mean": list(MEAN),
    "deviation": list(DEVIATION),
}


def normalise(pixels: Tensor) -> Tensor:
    """Scale (n, s, s, 3) uint8 RGB to (n, 3, s, s) float32 of about zero mean and unit variance."""
    return scale(pixels, MEAN, DEVIATION)


def scale(pixels: Tensor, mean: tuple[float, float, float], deviation: tuple[float, float, float]) -> Tensor:
    """Subtract `mean` from (n, ..., 3) uint8 pixels over 255, divide by `deviation`, and put channels second."""
    planes = pixels.movedim(-1, 1).float() / 255
    shape = (1, 3, *[1] * (planes.ndim - 2))
    return (planes - torch.tensor(mean, device=planes.device).reshape(shape)) / torch.tensor(
        deviation, device=planes.device
    ).reshape(shape)
