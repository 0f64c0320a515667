"""Strict loading of published checkpoints: every name and every shape must fit, and all that do not are listed."""

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from pipeline.runtime.errors import InputError, Problem

N = TypeVar("N", bound=nn.Module)


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
