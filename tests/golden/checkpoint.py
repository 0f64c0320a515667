"""Checkpoints whose numbers follow from the parameters' names."""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

GOLDEN = Path(__file__).parent


def tensor_of(key: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise seeded by the key, scaled and shifted to what a parameter of that name may hold."""
    noise = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if key.endswith(("bias", "running_mean")):
        numbers = noise / 10
    elif key.endswith("running_var"):
        numbers = 1 + np.abs(noise) / 10
    elif len(shape) == 1:
        numbers = 1 + noise / 10
    else:
        numbers = noise / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(numbers, dtype=np.float32))


def checkpoint(name: str) -> dict[str, Tensor]:
    """The published state dict of `name` with these numbers."""
    keys: dict[str, list[int]] = json.loads((GOLDEN / f"{name}_keys.json").read_text())
    return {key: tensor_of(key, tuple(shape)) for key, shape in keys.items()}
