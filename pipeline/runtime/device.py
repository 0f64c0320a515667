"""Which device the current worker computes on. PyTorch is loaded when it is first asked for: many stages need none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal

from pipeline.runtime.errors import ConfigError

if TYPE_CHECKING:
    import torch

BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")
"""torch's names of the processors' instructions for bfloat16, x86-64 and ARM."""

WITHOUT_BFLOAT16 = frozenset({"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"})
"""Values of ONEDNN_MAX_CPU_ISA that keep convolutions from using those instructions."""

AMPERE = (8, 0)
"""The first compute capability with matrix units for bfloat16."""

_current = ["cpu"]


def available_devices(device: Literal["auto", "cpu", "cuda"]) -> tuple[str, ...]:
    """Return the devices to spread workers over, such as ``("cuda:0", "cuda:1")`` or ``("cpu",)``.

    Raises
    ------
    ConfigError
        ``"cuda"`` is asked for where there is none.
    """
    count = 0 if device == "cpu" else _cuda_count()
    if device == "cuda" and not count:
        raise ConfigError("compute.device is 'cuda', but torch finds no CUDA device; use 'auto' or 'cpu'")
    return tuple(f"cuda:{index}" for index in range(count)) or ("cpu",)


def current_device() -> "torch.device":
    """Return the device of this worker."""
    import torch

    return torch.device(_current[-1])


def set_device(name: str) -> None:
    """Make `name` the device of this worker process for good."""
    _current.append(name)


@contextmanager
def use_device(name: str) -> Iterator[None]:
    """Make `name` the current device inside the block."""
    _current.append(name)
    try:
        yield
    finally:
        _current.pop()


def computes_bfloat16(device: str) -> bool:
    """Return whether `device` of this machine has instructions for bfloat16, which are then the faster ones."""
    import torch

    if device != "cpu":
        return torch.cuda.get_device_capability(device) >= AMPERE
    found = torch.cpu.get_capabilities()
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    return any(found.get(name, False) for name in BFLOAT16) and limit not in WITHOUT_BFLOAT16


@cache
def _cuda_count() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
