import zlib
from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import Tensor, nn

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
}
WIDTHS = {"visual": 6, "audio": 4, "audio_2": 8}
LENGTH = 9
RANGES = ((-1.0, 1.0), (0.0, 10.0))


@pytest.fixture(params=sorted(ROLES))
def system(request) -> str:
    """The name of each fusion system in turn."""
    return request.param


@pytest.fixture
def roles() -> dict[str, tuple[str, ...]]:
    """The streams that each system is tested with."""
    return ROLES


@pytest.fixture
def widths() -> dict[str, int]:
    """The width of each stream."""
    return WIDTHS


@pytest.fixture
def ranges() -> tuple[tuple[float, float], ...]:
    """The two targets' ranges."""
    return RANGES


@pytest.fixture
def build() -> Callable[..., nn.Module]:
    """A system with streams taken as they are (or through `encoder`), float64, in evaluation mode."""

    def build(
        name: str, *, roles=None, encoder=nn.Identity, seed: int = 0, length: int = LENGTH, **options
    ) -> nn.Module:
        torch.manual_seed(seed)
        roles = ROLES[name] if roles is None else roles
        return (
            import_module(f"pipeline.fusion.{name}")
            .FUSION.from_streams(
                encoders={role: encoder() for role in roles},
                widths={role: WIDTHS[role] for role in roles},
                length=length,
                ranges=RANGES,
                **options,
            )
            .double()
            .eval()
        )

    return build


@pytest.fixture
def window() -> Callable[..., dict[str, Tensor]]:
    """Random streams of a system, by role."""

    def window(name: str, *, b: int = 3, t: int = LENGTH, seed: int = 1) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return {role: torch.randn(b, t, WIDTHS[role], generator=generator, dtype=torch.float64) for role in ROLES[name]}

    return window


@pytest.fixture
def mask() -> Tensor:
    """Three windows: whole, padded at its end, and with a hole."""
    mask = torch.ones(3, LENGTH, dtype=torch.bool)
    mask[1, -4:] = False
    mask[2, 3:5] = False
    return mask


@pytest.fixture
def fill() -> Callable[[nn.Module], nn.Module]:
    """Overwrite every parameter by numbers that hang on its name and shape alone."""

    def fill(module: nn.Module) -> nn.Module:
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                wave = np.sin(np.arange(parameter.numel()) * 0.7 + zlib.crc32(name.encode()) % 100)
                parameter.copy_(torch.from_numpy(wave.reshape(parameter.shape) / np.sqrt(parameter.shape[-1])))
        return module

    return fill


@pytest.fixture
def state() -> Callable[[nn.Module], dict[str, np.ndarray]]:
    """Parameters by name, as arrays."""
    return lambda module: {name: value.numpy() for name, value in module.state_dict().items()}


@pytest.fixture
def head() -> Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]:
    """The shared head in evaluation mode, on (..., d) features."""

    def head(state: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
        hidden = np.maximum(features @ state["head.mlp.0.weight"].T + state["head.mlp.0.bias"], 0)
        low, high = np.array(RANGES).T
        tanh = np.tanh(hidden @ state["head.mlp.2.weight"].T + state["head.mlp.2.bias"])
        return low + (high - low) * (tanh + 1) / 2

    return head
