"""Gradual release: which parameters of a backbone learn, group after group and by name.

The published codes release by position in ``list(module.parameters())``: with one more layer, another part of the
network learns, unnoticed. Here a name that the network does not have is an error.
"""

from collections.abc import Sequence

from torch import nn

from pipeline.finetuning.tunable import Step

Groups = Sequence[Sequence[str]]
"""Names of modules, group after group in the order of their release."""


def released_names(network: nn.Module, groups: Groups, count: int) -> tuple[str, ...]:
    """Return the names of the parameters in the first `count` groups, in the order of the network.

    Raises
    ------
    ValueError
        A group names a module that the network does not have, or one that another group has released already.
    """
    names = [name for name, _ in network.named_parameters()]
    below = {module: [name for name in names if _is_below(name, module)] for group in groups for module in group}
    unknown = [module for module, found in below.items() if not found]
    if unknown:
        raise ValueError(f"no parameters below {', '.join(unknown)} in {type(network).__name__}")
    every = [name for group in groups for module in group for name in below[module]]
    if len(every) != len(set(every)):
        twice = sorted({name for name in every if every.count(name) > 1})
        raise ValueError(f"released twice: {', '.join(twice)}")
    wanted = {name for group in groups[:count] for module in group for name in below[module]}
    return tuple(name for name in names if name in wanted)


def release(network: nn.Module, groups: Groups, count: int) -> None:
    """Let the parameters of the first `count` groups learn, and no others."""
    wanted = set(released_names(network, groups, count))
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in wanted)


def first_released(steps: Sequence[Step], groups: Groups, count: int) -> int:
    """Return how many steps lie before the first with a released parameter: their output is constant.

    Raises
    ------
    ValueError
        A released module is not a step of its own.
    """
    places = {name: place for place, (name, _) in enumerate(steps)}
    wanted = [module for group in groups[:count] for module in group]
    missing = [module for module in wanted if module not in places]
    if missing:
        raise ValueError(f"{', '.join(missing)} not among the steps {', '.join(places)}")
    return min((places[module] for module in wanted), default=len(steps))


def _is_below(name: str, module: str) -> bool:
    return name.startswith(f"{module}.")
