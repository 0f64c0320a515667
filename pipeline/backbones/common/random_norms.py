"""Random weights for networks of convolutions and batch norms, whose embeddings move with what is seen or heard.

Default initialisation is of no use here: batch norms that know nothing of their inputs let a deep network's signal grow
or fade until all inputs look alike. So the norms' statistics are measured, layer after layer in one pass, on a sample
that belongs to no corpus: adding a clip must not change the weights.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

RESIDUAL = 0.5
"""Scale of every residual branch: small enough for neighbouring inputs to stay neighbours through a deep network."""


def fill_random(network: nn.Module, sample: Tensor, *, seed: int, branch_ends: tuple[str, ...] = ()) -> None:
    """Overwrite every number of a network of convolutions, linear layers and norms, in place.

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
        # normalised by the same statistics, the next layer sees what it will see later on.
        norm.momentum = 1.0
    with torch.inference_mode():
        network(sample)
    for name, norm in norms.items():
        norm.momentum = momenta[name]
    network.eval()
