import pytest
import torch
from torch import nn

from pipeline.finetuning.release import first_released, release, released_names


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*(nn.Linear(2, 2) for _ in range(12)))
        self.output = nn.Linear(2, 2)


GROUPS = (("output",), ("body.10", "body.11"), ("body.1",))


def test_groups_are_released_in_order_and_only_by_whole_names() -> None:
    network = Network()
    found = [released_names(network, GROUPS, count) for count in range(5)]
    assert found[0] == ()
    assert found[1] == ("output.weight", "output.bias")
    assert found[2] == ("body.10.weight", "body.10.bias", "body.11.weight", "body.11.bias", *found[1])
    # body.1 is not body.10 or body.11.
    assert found[3] == ("body.1.weight", "body.1.bias", *found[2])
    assert found[4] == found[3]


def test_only_what_is_released_learns() -> None:
    network = Network()
    for count in (2, 1):
        release(network, GROUPS, count)
        learning = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
        assert learning == set(released_names(network, GROUPS, count))


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no parameters below body\.12, head in Network"):
        released_names(Network(), (("output",), ("body.12", "head")), 0)


def test_a_module_released_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"released twice: body\.3\.bias, body\.3\.weight"):
        released_names(Network(), (("body.3",), ("body.3",)), 1)


def test_all_before_the_first_released_step_is_constant() -> None:
    network = Network()
    steps = [*((f"body.{n}", layer) for n, layer in enumerate(network.body)), ("output", network.output)]
    assert [first_released(steps, GROUPS, count) for count in range(4)] == [13, 12, 10, 1]
    with pytest.raises(ValueError, match="head not among the steps body"):
        first_released(steps, (("head",),), 1)


def test_nothing_released_runs_everything_as_a_constant() -> None:
    assert first_released([("a", torch.relu)], (), 3) == 1
