import pytest
import torch
from torch import nn
from torch.nn import functional

from pipeline.backbones.common.resnet import BasicBlock, Bottleneck, ResidualTrunk


def settled(module: nn.Module) -> nn.Module:
    """In double precision, with norms that do something."""
    torch.manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for vector in (norm.weight, norm.bias, norm.running_mean):
                nn.init.normal_(vector)
            nn.init.uniform_(norm.running_var, 0.5, 2)
    return module.double().eval()


def plain_norm(x: torch.Tensor, norm: nn.BatchNorm2d) -> torch.Tensor:
    shape = (1, -1, 1, 1)
    deviation = (norm.running_var + norm.eps).sqrt().reshape(shape)
    return (x - norm.running_mean.reshape(shape)) / deviation * norm.weight.reshape(shape) + norm.bias.reshape(shape)


@pytest.mark.parametrize(("width", "depth", "stride"), [(8, 8, 1), (8, 16, 2), (8, 16, 1), (8, 8, 2)])
def test_a_basic_block_is_what_the_paper_says(width, depth, stride):
    block = settled(BasicBlock(width=width, depth=depth, stride=stride))
    x = torch.randn(2, width, 8, 6, dtype=torch.float64)
    residual = plain_norm(functional.conv2d(x, block.conv1.weight, stride=stride, padding=1), block.bn1).relu()
    residual = plain_norm(functional.conv2d(residual, block.conv2.weight, padding=1), block.bn2)
    shortcut = x
    if (stride, width) != (1, depth):
        shortcut = plain_norm(functional.conv2d(x, block.downsample[0].weight, stride=stride), block.downsample[1])
    torch.testing.assert_close(block(x), (residual + shortcut).relu())


@pytest.mark.parametrize("stride", [1, 2])
def test_a_bottleneck_strides_in_its_wide_convolution(stride):
    block = settled(Bottleneck(width=8, depth=4, stride=stride))
    x = torch.randn(2, 8, 8, 6, dtype=torch.float64)
    residual = plain_norm(functional.conv2d(x, block.conv1.weight), block.bn1).relu()
    residual = plain_norm(functional.conv2d(residual, block.conv2.weight, stride=stride, padding=1), block.bn2).relu()
    residual = plain_norm(functional.conv2d(residual, block.conv3.weight), block.bn3)
    shortcut = plain_norm(functional.conv2d(x, block.downsample[0].weight, stride=stride), block.downsample[1])
    assert residual.shape[1] == 16
    torch.testing.assert_close(block(x), (residual + shortcut).relu())


def test_a_block_that_changes_nothing_has_a_plain_shortcut():
    assert BasicBlock(width=8, depth=8, stride=1).downsample is None
    assert Bottleneck(width=16, depth=4, stride=1).downsample is None
    assert Bottleneck(width=8, depth=4, stride=1).downsample is not None


def test_pictures_of_another_number_of_channels_are_refused():
    trunk = ResidualTrunk(block=BasicBlock, counts=(1, 1, 1, 1), channels=1)
    assert not trunk.training
    assert trunk(torch.zeros(2, 1, 40, 33)).shape == (2, 512)
    with pytest.raises(ValueError, match=r"\(n, 1, h, w\), got \(2, 3, 40, 33\)"):
        trunk(torch.zeros(2, 3, 40, 33))
