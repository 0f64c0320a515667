"""Which device the current worker computes on. PyTorch is loaded when it is first asked for: many stages need none."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal

from pipeline.runtime.errors import ConfigError

if TYPE_CHECKING:
    import torch

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


@cache
def _cuda_count() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
