"""The state of an unfinished run, kept after each epoch: a killed run continues and ends with the same bytes.

A checkpoint is the SHA-256 of what follows, and what `torch.save` wrote: a damaged one is dropped, not continued.
"""

import hashlib
import io
import logging
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.runtime.files import flush

logger = logging.getLogger(__name__)

DIGEST = hashlib.sha256().digest_size
"""Bytes before the content."""


def save_checkpoint(path: Path, state: Mapping[str, Any], *, device: torch.device) -> None:
    """Write `state` with the states of PyTorch's random generators, whole or not at all.

    Parameters
    ----------
    path : replaced in one rename, after its bytes have reached the disk
    state : tensors, numbers, strings, and lists and mappings of these
    device : whose random generator is kept beside the CPU's
    """
    random = {"random": torch.get_rng_state()}
    if device.type == "cuda":
        random["random_cuda"] = torch.cuda.get_rng_state(device)
    buffer = io.BytesIO()
    torch.save({**state, **random}, buffer)
    content = buffer.getbuffer()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unlike a process's number, this name is that of no process on another machine that shares the cache.
    fresh = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        with fresh.open("wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    flush(path.parent)


def load_checkpoint(path: Path, *, device: torch.device) -> dict[str, Any] | None:
    """Read what `save_checkpoint` wrote, its tensors on the CPU, and set PyTorch's random generators.

    Returns None, and changes nothing, where there is no such file. A damaged one is removed, with a warning: the run
    starts again.
    """
    if not path.is_file():
        return None
    content = path.read_bytes()
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        logger.warning("checkpoint %s is damaged: the run starts again", path)
        path.unlink()
        return None
    state: dict[str, Any] = torch.load(io.BytesIO(content[DIGEST:]), map_location="cpu", weights_only=True)
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
