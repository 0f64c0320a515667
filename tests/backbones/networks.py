"""Networks as the extract stage places them."""

from typing import TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


def channels_last(network: N) -> N:
    """Bring a network's weights into the layout that the convolution libraries compute in, in place."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
