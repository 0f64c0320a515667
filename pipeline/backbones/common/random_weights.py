"""Random weights whose embeddings move with the input, for networks with batch norms and for VGGs without.

Default initialisation is of no use here: a deep network's signal grows or fades until all inputs look alike. So each
layer's scale is fitted to a sample that belongs to no corpus: adding a clip must not change the weights.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

RESIDUAL = 0.5
"""Scale of every residual branch: small enough for neighbouring inputs to stay neighbours through a deep network."""

LIFT = 1.0
"""Mean of what reaches a rectifier, in standard deviations: most of the signal passes, and fine detail of the spectrum
outlives eight of them."""


def fill_normed(network: nn.Module, sample: Tensor, *, seed: int, branch_ends: tuple[str, ...] = ()) -> None:
    """Overwrite every number of a network of convolutions, linear layers and norms, in place.

    The norms' statistics are measured on the sample, layer after layer in one pass.

    Parameters
    ----------
    network : on the CPU, in evaluation mode afterwards
    sample : a batch of inputs for the norms to be measured on
    seed : of the weights
    branch_ends : endings of the names of the norms that end a residual branch
    """
    generator = torch.Generator().manual_seed(seed)
    norms = {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
                # Unit variance in, unit variance out.
                module.weight.normal_(0, module.weight[0].numel() ** -0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
        for name, norm in norms.items():
            norm.reset_parameters()
            if branch_ends and name.endswith(branch_ends):
                norm.weight.fill_(RESIDUAL)

    network.eval()
    momenta = {name: norm.momentum for name, norm in norms.items()}
    for norm in norms.values():
        norm.train()
        # With a momentum of 1 the running statistics become those of this one batch, and since the batch is
        # normalised by the same statistics, the next layer gets the inputs that it will get later on.
        norm.momentum = 1.0
    with torch.inference_mode():
        network(sample)
    for name, norm in norms.items():
        norm.momentum = momenta[name]
    network.eval()


def fill_vgg(features: nn.Sequential, embeddings: nn.Sequential, patches: Tensor, *, seed: int) -> None:
    """Overwrite every number of a VGG's two parts, in place.

    Each layer's outputs are brought to one mean and to unit variance, one layer after the other, over the sample
    (layer-sequential unit variance: Mishkin and Matas, "All you need is a good init", 2016).

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
