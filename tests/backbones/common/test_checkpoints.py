from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from pipeline.backbones.common.checkpoints import PublishedNetwork, sum_colours
from pipeline.runtime.errors import InputError


class Small(PublishedNetwork):
    TITLE: ClassVar = "the small network"
    LEFT_OUT: ClassVar = ("fc.",)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, bias=False)
        self.bn = nn.BatchNorm2d(2)
        self.late = nn.BatchNorm2d(2)


def checkpoint() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {key: torch.randn(value.shape).to(value.dtype) + 1 for key, value in Small().state_dict().items()}


def load(state_dict: dict[str, Tensor]) -> Small:
    return Small.from_published(state_dict)


def test_every_number_is_taken_over_and_the_classifier_left_out() -> None:
    given = checkpoint()
    loaded = load({**given, "fc.weight": torch.zeros(7, 2), "fc.bias": torch.zeros(7)}).state_dict()
    assert loaded.keys() == given.keys()
    assert all(torch.equal(loaded[key], value) for key, value in given.items())


def test_a_checkpoint_from_before_the_batch_counters_is_complete() -> None:
    given = {key: value for key, value in checkpoint().items() if not key.endswith("num_batches_tracked")}
    loaded = load(given).state_dict()
    assert loaded["bn.num_batches_tracked"] == loaded["late.num_batches_tracked"] == 0
    assert all(torch.equal(loaded[key], value) for key, value in given.items())


def test_a_checkpoint_with_only_some_of_its_counters_is_not() -> None:
    given = checkpoint()
    del given["late.num_batches_tracked"]
    with pytest.raises(InputError, match=r"missing late\.num_batches_tracked") as error:
        load(given)
    assert len(error.value.problems) == 1


def test_all_that_does_not_fit_is_listed() -> None:
    given = checkpoint() | {"conv.weight": torch.zeros(2, 1, 3, 3), "layer9.weight": torch.zeros(1)}
    del given["bn.running_var"]
    with pytest.raises(InputError, match="the small network") as error:
        load(given)
    text = str(error.value)
    assert len(error.value.problems) == 3
    assert "missing bn.running_var, of shape (2,)" in text
    assert "unexpected layer9.weight" in text
    assert "mis-shaped conv.weight: (2, 1, 3, 3) in the checkpoint, (2, 3, 3, 3) in the network" in text


def test_summed_colours_treat_a_plane_as_the_original_treats_grey() -> None:
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    plane = torch.randn(2, 1, 8, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    summed = sum_colours({"first.weight": weight, "other": torch.ones(1)}, "first.weight")
    assert summed.keys() == {"first.weight", "other"}
    assert summed["first.weight"].shape == (4, 1, 3, 3)
    expected = nn.functional.conv2d(plane.expand(-1, 3, -1, -1), weight)
    torch.testing.assert_close(nn.functional.conv2d(plane, summed["first.weight"]), expected)


@pytest.mark.parametrize("shape", [(4, 1, 3, 3), (4, 2, 3, 3), (4, 3)])
def test_other_weights_are_left_to_strict_loading(shape: tuple[int, ...]) -> None:
    weight = torch.ones(shape)
    assert sum_colours({"first.weight": weight}, "first.weight")["first.weight"] is weight
    assert sum_colours({}, "first.weight") == {}
