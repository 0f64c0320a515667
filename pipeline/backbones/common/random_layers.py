"""Random weights for a VGG without norms, whose embeddings move with the sound.

A deep chain of rectifiers with default weights says the same of every sound. So each layer's outputs are brought to
one mean and to unit variance, one layer after the other, over a sample that belongs to no corpus (layer-sequential
unit variance: Mishkin and Matas, "All you need is a good init", 2016).
"""

import torch
from torch import Tensor, nn

LIFT = 1.0
"""Mean of what reaches a rectifier, in standard deviations: most of the signal passes, and fine detail of the spectrum
outlives eight of them."""


def fill_vgg(features: nn.Sequential, embeddings: nn.Sequential, patches: Tensor, *, seed: int) -> None:
    """Overwrite every number of a VGG's two parts, in place.

    Parameters
    ----------
    features, embeddings : of the network, on the CPU
    patches : (n, rows, bands), the sample
    seed : of the weights
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        x = patches.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        for layer in features:
            x = _fit(layer, x, LIFT, generator)
        x = x.permute(0, 2, 3, 1).flatten(1)
        for layer in list(embeddings)[:-1]:
            x = _fit(layer, x, LIFT, generator)
        _fit(list(embeddings)[-1], x, 0.0, generator)


def _fit(layer: nn.Module, x: Tensor, mean: float, generator: torch.Generator) -> Tensor:
    """Draw a layer's weights, bring each output channel over `x` to `mean` and unit variance; return the outputs."""
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        y: Tensor = layer(x)
        return y
    assert layer.bias is not None
    layer.weight.normal_(0, layer.weight[0].numel() ** -0.5, generator=generator)
    layer.bias.zero_()
    y = layer(x)
    over = tuple(axis for axis in range(y.ndim) if axis != 1)
    deviation, found = torch.std_mean(y, dim=over)  # (channels,) each
    layer.weight /= deviation.reshape(-1, *[1] * (layer.weight.ndim - 1))
    layer.bias.copy_(mean - found / deviation)
    shape = (1, -1, *[1] * (y.ndim - 2))
    return (y - found.reshape(shape)) / deviation.reshape(shape) + mean
