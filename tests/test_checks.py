"""Networks are checked without memory for their weights, whatever their constructors compute."""

import torch
from torch import nn

from pipeline.checks import without_memory


def test_norms_and_given_numbers_are_computed() -> None:
    layer = without_memory(lambda: nn.utils.parametrizations.weight_norm(nn.Conv1d(3, 10**9, 5)))
    assert {weight.device.type for weight in layer.parameters()} == {"meta"}
    assert [tuple(weight.shape) for weight in layer.parametrizations["weight"].parameters()] == [
        (10**9, 1, 1),
        (10**9, 3, 5),
    ]
    assert float(without_memory(lambda: torch.tensor([1.0, 3.0]).mean())) == 2.0


def test_given_numbers_may_meet_weights() -> None:
    found = without_memory(lambda: torch.tensor([1.0, 2.0]) * nn.Linear(2, 1).weight)
    assert found.shape == (1, 2)
    assert found.is_meta
