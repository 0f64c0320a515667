"""IR-50's front end: the centre 40 x 40 of a face, scaled to -1 .. 1."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from pipeline.runtime.errors import InputError, Problem

CROP: Final = 40
FRONT_END: Final[dict[str, Any]] = {
    "crop": CROP,
    "place": "centre",
    "colour": "RGB",
    "scaling": "(x / 255 - 0.5) / 0.5",
}


def check_size(faces: npt.NDArray[np.uint8], *, trial: str, what: str) -> None:
    """Refuse (T, h, w, 3) faces that are smaller than the crop.

    Raises
    ------
    InputError
        Names the trial and the setting; `what` was under way.
    """
    height, width = faces.shape[1:3]
    if min(height, width) < CROP:
        message = f"faces of {height} x {width} pixels, but IR-50 expects at least {CROP} x {CROP}"
        raise InputError(what, [Problem(message, trial=trial, remedy="set `clips.face_size: 48`")])


def normalise(faces: Tensor) -> Tensor:
    """Scale (n, 40, 40, 3) uint8 RGB to the (n, 3, 40, 40) float32 of -1 .. 1 that the network takes."""
    return (faces.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def centre_crop(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Cut the centre 40 x 40 out of (T, S, S, 3) crops, without copying."""
    height, width = faces.shape[1:3]
    top, left = (height - CROP) // 2, (width - CROP) // 2
    return faces[:, top : top + CROP, left : left + CROP]
