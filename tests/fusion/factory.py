"""Small models of every fusion system, in double precision, on random streams that reach them as they are."""

import zlib
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.fusion_model import FusionModel

Array = npt.NDArray[np.float64]
Module = TypeVar("Module", bound=nn.Module)

ROLES = {
    "unimodal": ("visual",),
    "concatenation": ("visual", "audio"),
    "lstm": ("visual", "audio"),
    "self_attention": ("visual", "audio"),
    "cross_attention": ("visual", "audio"),
    "leader_follower": ("visual", "audio", "audio_2"),
    "joint_cross_attention": ("visual", "audio"),
    "gated_joint_cross_attention": ("visual", "audio"),
    "cross_modal_attention": ("visual", "audio", "audio_2"),
    "reliability_gate": ("visual", "audio", "audio_2"),
}
"""The streams that each system is tested with."""

WIDTHS = {"visual": 6, "audio": 4, "audio_2": 8}
LENGTH = 9
RANGES = ((-1.0, 1.0), (0.0, 10.0))

WHOLE = torch.ones(3, LENGTH, dtype=torch.bool)
MASK = WHOLE.clone()
"""Three windows: whole, padded at its end, and with a hole."""
MASK[1, -4:] = False
MASK[2, 3:5] = False


def build(
    name: str, *, roles: Sequence[str] | None = None, seed: int = 0, length: int = LENGTH, **options: Any
) -> FusionModel:
    """Build a model of two targets in evaluation mode, past its start."""
    torch.manual_seed(seed)
    config = ModelConfig(fusion=name, streams=("any",), temporal="identity", options=options)
    widths = {role: WIDTHS[role] for role in (ROLES[name] if roles is None else roles)}
    return past_the_start(build_network(config, in_features=widths, length=length, ranges=RANGES).double().eval())


def past_the_start(module: Module) -> Module:
    """Draw the matrices that start at zero: with W_h = 0 joint cross-attention is the identity."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1 and not parameter.any():
                nn.init.xavier_uniform_(parameter)
    return module


def window(name: str, *, b: int = 3, t: int = LENGTH, seed: int = 1) -> dict[str, Tensor]:
    """Random streams of a system, (b, t, d_m) by role."""
    generator = torch.Generator().manual_seed(seed)
    return {role: torch.randn(b, t, WIDTHS[role], generator=generator, dtype=torch.float64) for role in ROLES[name]}


def audio_visual() -> tuple[Tensor, Tensor]:
    """Random x_a and x_v, (3, t, d_m)."""
    generator = torch.Generator().manual_seed(1)
    x_a, x_v = (
        torch.randn(3, LENGTH, WIDTHS[role], generator=generator, dtype=torch.float64) for role in ("audio", "visual")
    )
    return x_a, x_v


def fill(model: FusionModel) -> FusionModel:
    """Overwrite every parameter by numbers that depend on its name and shape alone."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            wave = np.sin(np.arange(parameter.numel()) * 0.7 + zlib.crc32(name.removeprefix("system.").encode()) % 100)
            parameter.copy_(torch.from_numpy(wave.reshape(parameter.shape) / np.sqrt(parameter.shape[-1])))
    return model


def state(module: nn.Module) -> dict[str, Array]:
    """Parameters by name, those of a model's system without its prefix."""
    return {name.removeprefix("system."): value.numpy() for name, value in module.state_dict().items()}


def head(parameters: dict[str, Array], features: Array) -> Array:
    """Evaluate the shared head, without dropout, on (..., d) features."""
    hidden = np.maximum(features @ parameters["head.mlp.0.weight"].T + parameters["head.mlp.0.bias"], 0)
    low, high = np.array(RANGES).T
    tanh = np.tanh(hidden @ parameters["head.mlp.2.weight"].T + parameters["head.mlp.2.bias"])
    predictions: Array = low + (high - low) * (tanh + 1) / 2
    return predictions
