import torch
from torch import Tensor, nn

from pipeline.backbones.common.random_weights import RESIDUAL, fill_normed


class Branched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.branch = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8, momentum=0.01))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        means: Tensor = (x + self.branch(x)).mean(dim=(2, 3))
        return means


def sample() -> torch.Tensor:
    return 5 + 3 * torch.randn(64, 3, 6, 6, generator=torch.Generator().manual_seed(9))


def filled(seed: int = 0) -> Branched:
    network = Branched()
    fill_normed(network, sample(), seed=seed, branch_ends=("branch.1",))
    return network


def test_the_norms_fit_their_inputs() -> None:
    network = filled()
    with torch.no_grad():
        normal = network.first[1](network.first[0](sample()))
        residual = network.branch(network.first(sample()))
    for maps, deviation in ((normal, 1.0), (residual, RESIDUAL)):
        torch.testing.assert_close(maps.mean(dim=(0, 2, 3)), torch.zeros(8), rtol=0, atol=1e-3)
        torch.testing.assert_close(maps.std(dim=(0, 2, 3)), torch.full((8,), deviation), rtol=0, atol=1e-3)


def test_nothing_but_the_seed_counts() -> None:
    torch.manual_seed(1)
    first = filled().state_dict()
    torch.manual_seed(2)
    network = Branched()
    state = torch.random.get_rng_state()
    fill_normed(network, sample(), seed=0, branch_ends=("branch.1",))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, first[key]) for key, value in network.state_dict().items())
    assert not torch.equal(filled(seed=1).get_parameter("first.0.weight"), network.get_parameter("first.0.weight"))


def test_momenta_and_mode_are_as_before() -> None:
    network = filled()
    assert not any(module.training for module in network.modules())
    assert (network.first[1].momentum, network.branch[1].momentum) == (0.1, 0.01)
