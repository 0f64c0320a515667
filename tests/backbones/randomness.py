"""What random weights must do, whichever network they are of."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[key]) for key, value in one.items())


def misfit(network: nn.Module, x: Tensor) -> dict[str, tuple[float, float]]:
    """Mean and deviation of what leaves each norm before its own scale, on inputs it was not measured on."""
    found: dict[str, tuple[float, float]] = {}

    def watch(name: str, norm: _BatchNorm) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            shape = (1, -1, *[1] * (output.ndim - 2))
            normal = (output - norm.bias.reshape(shape)) / norm.weight.reshape(shape)
            found[name] = (float(normal.mean()), float(normal.std()))

        return hook

    norms = [(name, module) for name, module in network.named_modules() if isinstance(module, _BatchNorm)]
    hooks = [norm.register_forward_hook(watch(name, norm)) for name, norm in norms]
    with torch.inference_mode():
        network(x)
    for hook in hooks:
        hook.remove()
    assert len(found) == len(norms) > 5
    return found


def spread(embeddings: Tensor) -> float:
    """How much embeddings differ from each other, relative to their size: 0 for a network whose output is constant."""
    return float((embeddings.std(dim=0).norm() / embeddings.norm(dim=1).mean()).item())
