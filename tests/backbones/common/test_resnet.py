from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.backbones.common.resnet import BasicBlock, Bottleneck, ResidualTrunk

B = TypeVar("B", bound=nn.Module)


def settled(module: B) -> B:
    """In double precision, with norms that do something."""
    torch.manual_seed(0)
    for name, value in module.state_dict().items():
        if "bn" in name or "downsample.1" in name:
            if name.endswith("running_var"):
                nn.init.uniform_(value, 0.5, 2)
            elif value.is_floating_point():
                nn.init.normal_(value)
    return module.double().eval()


def convolution(block: nn.Module, name: str, x: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
    return functional.conv2d(x, block.get_parameter(f"{name}.weight"), stride=stride, padding=padding)


def norm(block: nn.Module, name: str, x: Tensor) -> Tensor:
    state = block.state_dict()
    mean, variance, scale, shift = (
        state[f"{name}.{part}"].reshape(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
    )
    normed: Tensor = (x - mean) / (variance + 1e-5).sqrt() * scale + shift
    return normed


@pytest.mark.parametrize(("width", "depth", "stride"), [(8, 8, 1), (8, 16, 2), (8, 16, 1), (8, 8, 2)])
def test_a_basic_block_is_that_of_the_paper(width: int, depth: int, stride: int) -> None:
    block = settled(BasicBlock(width=width, depth=depth, stride=stride))
    x = torch.randn(2, width, 8, 6, dtype=torch.float64)
    residual = norm(block, "bn1", convolution(block, "conv1", x, stride=stride, padding=1)).relu()
    residual = norm(block, "bn2", convolution(block, "conv2", residual, padding=1))
    shortcut = x
    if (stride, width) != (1, depth):
        shortcut = norm(block, "downsample.1", convolution(block, "downsample.0", x, stride=stride))
    torch.testing.assert_close(block(x), (residual + shortcut).relu())


@pytest.mark.parametrize("stride", [1, 2])
def test_a_bottleneck_strides_in_its_wide_convolution(stride: int) -> None:
    block = settled(Bottleneck(width=8, depth=4, stride=stride))
    x = torch.randn(2, 8, 8, 6, dtype=torch.float64)
    residual = norm(block, "bn1", convolution(block, "conv1", x)).relu()
    residual = norm(block, "bn2", convolution(block, "conv2", residual, stride=stride, padding=1)).relu()
    residual = norm(block, "bn3", convolution(block, "conv3", residual))
    shortcut = norm(block, "downsample.1", convolution(block, "downsample.0", x, stride=stride))
    assert residual.shape[1] == 16
    torch.testing.assert_close(block(x), (residual + shortcut).relu())


def test_a_block_that_changes_nothing_has_a_plain_shortcut() -> None:
    assert BasicBlock(width=8, depth=8, stride=1).downsample is None
    assert Bottleneck(width=16, depth=4, stride=1).downsample is None
    assert Bottleneck(width=8, depth=4, stride=1).downsample is not None


def test_pictures_of_another_number_of_channels_are_refused() -> None:
    trunk = ResidualTrunk(block=BasicBlock, counts=(1, 1, 1, 1), channels=1)
    assert not trunk.training
    assert trunk(torch.zeros(2, 1, 40, 33)).shape == (2, 512)
    with pytest.raises(ValueError, match=r"\(n, 1, h, w\), got \(2, 3, 40, 33\)"):
        trunk(torch.zeros(2, 3, 40, 33))
