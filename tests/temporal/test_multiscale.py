import pytest
import torch

from pipeline.temporal.multiscale import ENCODER, MultiScaleTCN
from pipeline.temporal.tcn import TCN


@pytest.fixture
def encoder() -> MultiScaleTCN:
    torch.manual_seed(0)
    return MultiScaleTCN(in_features=6, channels=(5, 4)).double().eval()


def test_it_is_its_branches_side_by_side(encoder: MultiScaleTCN) -> None:
    x = torch.randn(2, 30, 6, dtype=torch.float64)
    with torch.no_grad():
        output = encoder(x)
        for i, kernel_size in enumerate((3, 5, 7)):
            alone = TCN(in_features=6, channels=(5, 4), kernel_size=kernel_size).double().eval()
            alone.convolutions.load_state_dict(encoder.branches[i].state_dict())
            torch.testing.assert_close(output[..., 4 * i : 4 * i + 4], alone(x))
    assert output.shape == (2, 30, 12)
    assert encoder.out_features == 12


def test_the_widest_branch_sets_the_receptive_field(encoder: MultiScaleTCN) -> None:
    assert encoder.receptive_field == 1 + 2 * 6 * 3
    x = torch.randn(1, 60, 6, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(encoder(x)[0, 50].sum(), x)
    reach = gradient[0].abs().sum(dim=1).nonzero().flatten().tolist()
    assert reach == list(range(50 - encoder.receptive_field + 1, 51))


def test_gradients_reach_every_parameter(encoder: MultiScaleTCN) -> None:
    (encoder.train()(torch.randn(2, 30, 6, dtype=torch.float64)) ** 3).sum().backward()
    assert [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []


def test_options_reach_every_branch() -> None:
    encoder = ENCODER(in_features=6, channels=(4,), kernel_sizes=(3, 9), dropout=0.0)
    assert [branch.receptive_field for branch in encoder.branches] == [5, 17]
    with pytest.raises(ValueError, match="got none"):
        ENCODER(in_features=6, kernel_sizes=())
    with pytest.raises(ValueError, match="kernel_size must be positive, got 0"):
        ENCODER(in_features=6, kernel_sizes=(3, 0))
