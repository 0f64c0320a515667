from typing import Any

import pytest
import torch

from pipeline.fusion.blocks.head import NormalisedHead, RegressionHead, TargetScale

RANGES = [(-1.0, 1.0), (0.0, 10.0), (-3.0, -1.0)]


def test_ends_and_centre_of_each_range() -> None:
    scale = TargetScale(ranges=RANGES)
    for at, expected in ((-1.0, [-1, 0, -3]), (0.0, [0, 5, -2]), (1.0, [1, 10, -1])):
        assert torch.equal(scale(torch.full((2, 3), at)), torch.tensor([expected, expected], dtype=torch.float32))


def test_ranges_follow_the_module_but_are_not_saved() -> None:
    scale = TargetScale(ranges=RANGES).double()
    assert scale(torch.zeros(3, dtype=torch.float64)).dtype == torch.float64
    assert scale.state_dict() == {}


def test_without_a_hidden_layer_it_is_linear() -> None:
    head = RegressionHead(in_features=5, ranges=RANGES, hidden=None)
    assert [tuple(p.shape) for p in head.parameters()] == [(3, 5), (3,)]
    assert [tuple(p.shape) for p in RegressionHead(in_features=5, ranges=RANGES, hidden=4).parameters()] == [
        (4, 5),
        (4,),
        (3, 4),
        (3,),
    ]


def test_dropout_falls_on_the_features() -> None:
    head = RegressionHead(in_features=4, ranges=[(-1.0, 1.0)], hidden=None, dropout=0.5)
    with torch.no_grad():
        head.get_parameter("mlp.0.weight").fill_(0.05)
        head.get_parameter("mlp.0.bias").zero_()
        sums = head(torch.ones(2000, 4)).atanh().flatten() / 0.1  # kept features count twice 0.05
    assert {round(float(value)) for value in sums} == {0, 1, 2, 3, 4}
    assert abs(float(sums.mean()) - 2) < 0.1


def test_the_papers_head_is_linear_at_its_end() -> None:
    torch.manual_seed(0)
    head = NormalisedHead(in_features=4, ranges=[(-1.0, 1.0)], hidden=3).eval()
    with torch.no_grad():
        head.linear2.bias.fill_(7.0)
        assert head(torch.randn(2, 5, 4)).min() > 5
        head.bounded = True
        assert head(torch.randn(2, 5, 4)).max() <= 1


@pytest.mark.parametrize("cls", [RegressionHead, NormalisedHead])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ranges": []}, r"got \[\]"),
        ({"ranges": [(1.0, 1.0)]}, r"low < high, got \[\(1.0, 1.0\)\]"),
        ({"ranges": [(0.0, float("nan"))]}, "nan"),
        ({"in_features": 0}, "in_features=0"),
        ({"hidden": -2}, "hidden=-2"),
        ({"dropout": 1.0}, "got 1.0"),
    ],
)
def test_bad_options_are_named(
    cls: type[RegressionHead | NormalisedHead], options: dict[str, Any], message: str
) -> None:
    given: dict[str, Any] = {"in_features": 4, "ranges": RANGES}
    with pytest.raises(ValueError, match=message):
        cls(**(given | options))
