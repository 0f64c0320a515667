import pytest
import torch
from torch import Tensor, nn

from pipeline.temporal.blocks.dropout import Dropout, dropout_factor


def factor(*shape: int, probability: float = 0.3, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    torch.manual_seed(seed)
    return dropout_factor(torch.zeros(*shape, dtype=dtype), probability)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.8, 0.999])
def test_the_share_asked_for_is_dropped_and_the_mean_kept(probability: float) -> None:
    found = factor(1000, 1000, probability=probability, dtype=torch.float64)
    dropped = (found == 0).double().mean().item()
    spread = (probability * (1 - probability) / 1e6) ** 0.5
    assert dropped == pytest.approx(probability, abs=6 * spread + 1e-5)
    (kept,) = set(found[found != 0].tolist())
    assert kept == pytest.approx(1 / (1 - probability), rel=1e-5 / (1 - probability))


@pytest.mark.parametrize("count", [1, 3, 4, 5, 1021])
def test_every_element_is_drawn_whatever_their_number(count: int) -> None:
    found = torch.stack([factor(count, seed=seed) for seed in range(200)])
    assert ((found == 0).any(dim=0) & (found != 0).any(dim=0)).all()


def test_neighbours_are_independent() -> None:
    dropped = (factor(4, 100000, probability=0.5).T.flatten() == 0).double() - 0.5
    for distance in range(1, 9):
        assert abs((dropped[distance:] * dropped[:-distance]).mean().item()) * 4 < 0.01


def test_a_seed_gives_the_same_factors_in_every_type_and_another_seed_others() -> None:
    assert torch.equal(factor(50, 7), factor(50, 7))
    assert not torch.equal(factor(50, 7), factor(50, 7, seed=1))
    assert torch.equal(factor(50, 7) == 0, factor(50, 7, dtype=torch.bfloat16) == 0)


@pytest.mark.parametrize("layout", ["contiguous", "channels last", "transposed", "expanded", "every second"])
def test_any_layout_is_filled(layout: str) -> None:
    x = {
        "contiguous": torch.zeros(2, 3, 4, 50),
        "channels last": torch.zeros(2, 3, 4, 50).contiguous(memory_format=torch.channels_last),
        "transposed": torch.zeros(50, 24).T,
        "expanded": torch.zeros(1, 50).expand(24, 50),
        "every second": torch.zeros(24, 100)[:, ::2],
    }[layout]
    torch.manual_seed(0)
    found = dropout_factor(x, 0.5)
    assert found.shape == x.shape
    assert set(found.flatten().tolist()) == {0.0, 2.0}
    assert 0.4 < (found == 0).double().mean() < 0.6


def test_the_module_drops_in_training_alone() -> None:
    x, module = torch.randn(40, 50, requires_grad=True), Dropout(0.5)
    y = module(x)
    assert torch.equal(y[y != 0], (2 * x)[y != 0])
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient != 0, y != 0)
    assert module.eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert isinstance(module, nn.Dropout), "fine-tuning finds it by that type"


@pytest.mark.gpu
def test_a_gpu_drops_the_same_share() -> None:
    found = dropout_factor(torch.zeros(1000, 1000, device="cuda"), 0.25)
    assert (found == 0).double().mean().item() == pytest.approx(0.25, abs=0.003)
    assert found.max().item() == pytest.approx(4 / 3)
