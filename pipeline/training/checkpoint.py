"""The state of an unfinished run, kept after each epoch: a killed run continues and ends with the same bytes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def save_checkpoint(path: Path, state: Mapping[str, Any], *, device: torch.device) -> None:
    """Write `state` with the states of PyTorch's random generators, whole or not at all.

    Parameters
    ----------
    path : replaced in one rename
    state : tensors, numbers, strings, and lists and mappings of these
    device : whose random generator is kept beside the CPU's
    """
    random = {"random": torch.get_rng_state()}
    if device.type == "cuda":
        random["random_cuda"] = torch.cuda.get_rng_state(device)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    torch.save({**state, **random}, fresh)
    fresh.replace(path)


def load_checkpoint(path: Path, *, device: torch.device) -> dict[str, Any] | None:
    """Read what `save_checkpoint` wrote, its tensors on the CPU, and set PyTorch's random generators.

    Returns None, and changes nothing, where there is no such file.
    """
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    torch.set_rng_state(state.pop("random"))
    random = state.pop("random_cuda", None)
    if device.type == "cuda" and random is not None:
        torch.cuda.set_rng_state(random, device)
    return state


def copy_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}


def assign_tensors(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Set some of the network's parameters and buffers, by name."""
    state = network.state_dict()
    for name, tensor in tensors.items():
        state[name].copy_(tensor)
