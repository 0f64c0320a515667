"""Public checkpoints: strict loading by name, without the classifiers that no backbone has."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn

from pipeline.backbones.common.weights import Weights
from pipeline.runtime.errors import InputError, Problem

COUNTER = ".num_batches_tracked"


class PublishedNetwork(nn.Module):
    """A network whose parameters have the names of a public checkpoint.

    Attributes
    ----------
    TITLE : the architecture, for error messages
    LEFT_OUT : beginnings of the names of entries that belong to a classifier or to post-processing
    """

    TITLE: ClassVar[str]
    LEFT_OUT: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network, in evaluation mode on the CPU, from a checkpoint.

        Checkpoints saved before PyTorch 0.4.1 have no batch counters. A norm with a fixed momentum never reads its
        counter, so a checkpoint that has none at all is complete; one that has only some of them is not.

        Parameters
        ----------
        state_dict : parameters and buffers by the published names; entries that begin with `LEFT_OUT` are ignored

        Raises
        ------
        InputError
            If an entry is missing, unexpected or mis-shaped; all are listed with their shapes.
        """
        network = allocate(cls)
        kept = {key: value for key, value in cls.adapted(state_dict).items() if not key.startswith(cls.LEFT_OUT)}
        if not any(key.endswith(COUNTER) for key in kept):
            own = network.state_dict()
            kept |= {key: torch.zeros_like(value) for key, value in own.items() if key.endswith(COUNTER)}
        load_strictly(network, kept, what=cls.TITLE)
        return network

    @classmethod
    def adapted(cls, state_dict: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Translate a published layout that differs from the network's own; by default there is none."""
        return state_dict

    def for_inference(self, device: torch.device, precision: torch.dtype) -> nn.Module:
        """Return what computes this network's embeddings on `device` in `precision`: by default it is moved there.

        The network is given up: it may share tensors with what is returned, or be it.
        """
        placed = self.requires_grad_(False).to(device, precision)
        # Channels last is the layout that the convolution libraries compute in; the numbers are the same.
        video = any(parameter.ndim == 5 for parameter in placed.parameters())
        layout = torch.channels_last_3d if video else torch.channels_last
        return placed.to(memory_format=layout)  # type: ignore[call-overload, no-any-return]


N = TypeVar("N", bound=nn.Module)
P = TypeVar("P", bound=PublishedNetwork)


def build_network(cls: type[P], weights: Weights, fill_random: Callable[[P, int], None]) -> P:
    """Make a network, in evaluation mode on the CPU in float32.

    Parameters
    ----------
    cls : of the network
    weights : a checkpoint, or random
    fill_random : overwrites every number of a network, given a seed
    """
    if weights.path is not None:
        return cls.from_published(weights.state_dict())
    network = allocate(cls)
    fill_random(network, weights.seed)
    return network


def allocate(cls: type[N]) -> N:
    """Make a network on the CPU without drawing initial numbers: every one of them is about to be overwritten."""
    with torch.device("meta"):
        network = cls()
    return network.to_empty(device="cpu")


def load_strictly(network: nn.Module, state_dict: Mapping[str, Tensor], *, what: str) -> None:
    """Copy `state_dict` into `network`, refusing anything but an exact fit.

    Parameters
    ----------
    network : the module whose own state-dict names are the ones expected
    state_dict : parameters and buffers by name
    what : the architecture, for the error's summary

    Raises
    ------
    InputError
        Listing every missing, unexpected and mis-shaped entry with its shape.
    """
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state_dict.items()}
    problems = [Problem(f"missing {key}, of shape {expected[key]}") for key in sorted(expected.keys() - given.keys())]
    problems += [Problem(f"unexpected {key}, of shape {given[key]}") for key in sorted(given.keys() - expected.keys())]
    problems += [
        Problem(f"mis-shaped {key}: {given[key]} in the checkpoint, {expected[key]} in the network")
        for key in sorted(expected.keys() & given.keys())
        if given[key] != expected[key]
    ]
    if problems:
        raise InputError(f"the checkpoint does not fit {what}", problems)
    network.load_state_dict(state_dict, strict=True)


def sum_colours(state_dict: Mapping[str, Tensor], key: str) -> dict[str, Tensor]:
    """Fit a network for pictures to one plane: sum the first convolution's weights over red, green and blue.

    The output for a plane is then the original's output for a grey picture with that plane in all three channels.

    Parameters
    ----------
    state_dict : a checkpoint; one whose first convolution has one channel already is returned as it is
    key : name of the first convolution's (depth, 3, h, w) weights
    """
    changed = dict(state_dict)
    weight = changed.get(key)
    if weight is not None and weight.ndim == 4 and weight.shape[1] == 3:
        changed[key] = weight.sum(dim=1, keepdim=True)
    return changed
