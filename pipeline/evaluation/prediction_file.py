"""The file of what one trained network predicts for one trial: an item of its own, of trained and fine-tuned models."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from pipeline.models.trained import FramePredictions

FILE = "predictions.safetensors"
_ATTENTION = "attention/"


def write_predictions(directory: Path, answer: FramePredictions) -> None:
    """Write predictions and attention into an item's directory."""
    arrays: dict[str, npt.NDArray[Any]] = {"predictions": answer.predictions}
    arrays |= {f"{_ATTENTION}{name}": values for name, values in answer.attention.items()}
    save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, directory / FILE)


def read_predictions(directory: Path) -> FramePredictions:
    """Read what `write_predictions` wrote."""
    arrays = load_file(directory / FILE)
    attention = {name.removeprefix(_ATTENTION): arrays[name] for name in sorted(arrays) if name.startswith(_ATTENTION)}
    return FramePredictions(arrays["predictions"], attention)
