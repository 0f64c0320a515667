"""Public checkpoints whose classifier is of no use here: what is left out, what may be absent, and strictness else."""

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from pipeline.backbones.common.published import allocate, load_strictly

N = TypeVar("N", bound=nn.Module)

COUNTER = ".num_batches_tracked"


def load_trunk(cls: type[N], state_dict: Mapping[str, Tensor], *, what: str, without: tuple[str, ...]) -> N:
    """Build a network from a checkpoint that also holds a classifier.

    Checkpoints saved before PyTorch 0.4.1 have no batch counters. A norm with a fixed momentum never reads its counter,
    so a checkpoint that has none at all is complete; one that has only some of them is not.

    Parameters
    ----------
    cls : the network, without the classifier
    state_dict : by the published names
    what : the architecture, for the error's summary
    without : what the names of the entries begin with that are left out

    Raises
    ------
    InputError
        If an entry is missing, unexpected or mis-shaped; all are listed.
    """
    network = allocate(cls)
    kept = {key: value for key, value in state_dict.items() if not key.startswith(without)}
    if not any(key.endswith(COUNTER) for key in kept):
        kept |= {key: torch.zeros_like(value) for key, value in network.state_dict().items() if key.endswith(COUNTER)}
    load_strictly(network, kept, what=what)
    return network


def sum_colours(state_dict: Mapping[str, Tensor], key: str) -> dict[str, Tensor]:
    """Let a network for pictures look at one plane: sum the first convolution's weights over red, green and blue.

    The result answers a plane exactly as the original answers a grey picture with that plane in all three channels.

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
