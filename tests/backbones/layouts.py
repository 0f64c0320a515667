"""Names and shapes of published checkpoints, written down as rules and not taken from our modules."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from tests.golden.checkpoint import tensor_of

Layout = dict[str, tuple[int, ...]]


def norm(prefix: str, width: int) -> Layout:
    vectors = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (width,))
    return {f"{prefix}.{name}": shape for name, shape in {**vectors, "num_batches_tracked": ()}.items()}


def resnet(*, bottleneck: bool, counts: tuple[int, ...], channels: int, classes: int = 1000) -> Layout:
    """torchvision's resnet18 and resnet50."""
    layout: Layout = {"conv1.weight": (64, channels, 7, 7)} | norm("bn1", 64)
    width = 64
    for number, (count, depth) in enumerate(zip(counts, (64, 128, 256, 512), strict=True), start=1):
        output = depth * 4 if bottleneck else depth
        for index in range(count):
            block = f"layer{number}.{index}"
            kernels = [(depth, 1), (depth, 3), (output, 1)] if bottleneck else [(depth, 3), (depth, 3)]
            entering = width
            for step, (leaving, size) in enumerate(kernels, start=1):
                layout[f"{block}.conv{step}.weight"] = (leaving, entering, size, size)
                layout |= norm(f"{block}.bn{step}", leaving)
                entering = leaving
            if index == 0 and (number > 1 or width != output):
                layout[f"{block}.downsample.0.weight"] = (output, width, 1, 1)
                layout |= norm(f"{block}.downsample.1", output)
            width = output
    return layout | {"fc.weight": (classes, width), "fc.bias": (classes,)}


def r2plus1d_18(*, classes: int = 400) -> Layout:
    """torchvision's r2plus1d_18."""
    layout: Layout = {"stem.0.weight": (45, 3, 1, 7, 7)} | norm("stem.1", 45)
    layout |= {"stem.3.weight": (64, 45, 3, 1, 1)} | norm("stem.4", 64)
    width = 64
    # Channels between space and time, of the two blocks of each stage.
    middles = ((144, 144), (230, 288), (460, 576), (921, 1152))
    for number, (depth, pair) in enumerate(zip((64, 128, 256, 512), middles, strict=True), start=1):
        for index, middle in enumerate(pair):
            block = f"layer{number}.{index}"
            for step, entering in ((1, width), (2, depth)):
                layout[f"{block}.conv{step}.0.0.weight"] = (middle, entering, 1, 3, 3)
                layout |= norm(f"{block}.conv{step}.0.1", middle)
                layout[f"{block}.conv{step}.0.3.weight"] = (depth, middle, 3, 1, 1)
                layout |= norm(f"{block}.conv{step}.1", depth)
            if index == 0 and number > 1:
                layout[f"{block}.downsample.0.weight"] = (depth, width, 1, 1, 1)
                layout |= norm(f"{block}.downsample.1", depth)
            width = depth
    return layout | {"fc.weight": (classes, 512), "fc.bias": (classes,)}


INCEPTION = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)
"""GoogLeNet's table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj of the nine modules."""


def inception(
    *, stem: tuple[str, str, str], mixed: tuple[str, ...], branches: tuple[str, ...], conv: str, flat: bool
) -> Layout:
    layout: Layout = {}

    def unit(name: str, entering: int, leaving: int, size: int) -> None:
        layout[f"{name}.{conv}.weight"] = (leaving, entering, *[size] * (2 if flat else 3))
        layout.update(norm(f"{name}.bn", leaving))

    for name, (entering, leaving, size) in zip(stem, ((3, 64, 7), (64, 64, 1), (64, 192, 3)), strict=True):
        unit(name, entering, leaving, size)
    width = 192
    for name, depths in zip(mixed, INCEPTION, strict=True):
        ones, reduced_3, threes, reduced_5, fives, projected = depths
        wiring = ((width, 1), (width, 1), (reduced_3, 3), (width, 1), (reduced_5, 3), (width, 1))
        for branch, (entering, size), leaving in zip(branches, wiring, depths, strict=True):
            unit(f"{name}.{branch}", entering, leaving, size)
        width = ones + threes + fives + projected
    return layout


def i3d(*, classes: int = 400) -> Layout:
    """The public PyTorch port of Inception I3D."""
    trunk = inception(
        stem=("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"),
        mixed=tuple(f"Mixed_{name}" for name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")),
        branches=("b0", "b1a", "b1b", "b2a", "b2b", "b3b"),
        conv="conv3d",
        flat=False,
    )
    return trunk | {"logits.conv3d.weight": (classes, 1024, 1, 1, 1), "logits.conv3d.bias": (classes,)}


def googlenet() -> Layout:
    """torchvision's googlenet, with the names of its auxiliary classifiers reduced to one entry each."""
    trunk = inception(
        stem=("conv1", "conv2", "conv3"),
        mixed=tuple(f"inception{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")),
        branches=("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"),
        conv="conv",
        flat=True,
    )
    classifiers: Layout = {"aux1.fc2.bias": (1000,), "aux2.fc2.bias": (1000,), "fc.weight": (1000, 1024)}
    return trunk | classifiers | {"fc.bias": (1000,)}


def vgg11_bn(*, channels: int = 3) -> Layout:
    """torchvision's vgg11_bn."""
    layout: Layout = {}
    width = channels
    position = 0
    for block in ((64,), (128,), (256, 256), (512, 512), (512, 512)):
        for depth in block:
            layout[f"features.{position}.weight"] = (depth, width, 3, 3)
            layout[f"features.{position}.bias"] = (depth,)
            layout |= norm(f"features.{position + 1}", depth)
            width = depth
            position += 3
        position += 1
    for number, (leaving, entering) in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        layout |= {f"classifier.{number}.weight": (leaving, entering), f"classifier.{number}.bias": (leaving,)}
    return layout


def vggish() -> Layout:
    """The PyTorch port of VGGish."""
    layout: Layout = {}
    width = 1
    for number, depth in {0: 64, 3: 128, 6: 256, 8: 256, 11: 512, 13: 512}.items():
        layout |= {f"features.{number}.weight": (depth, width, 3, 3), f"features.{number}.bias": (depth,)}
        width = depth
    for number, (leaving, entering) in {0: (4096, 12288), 2: (4096, 4096), 4: (128, 4096)}.items():
        layout |= {f"embeddings.{number}.weight": (leaving, entering), f"embeddings.{number}.bias": (leaving,)}
    return layout


def parameters(layout: Layout) -> int:
    """How many numbers a layout holds that training changes."""
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    return sum(int(np.prod(shape)) for key, shape in layout.items() if not key.endswith(buffers))


def checkpoint(layout: Layout, *, empty: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """A state dict of the golden numbers; entries whose names begin with `empty` are zeros that take no memory."""
    return {
        key: torch.zeros(()).expand(shape) if key.startswith(empty or "-") else tensor_of(key, shape)
        for key, shape in layout.items()
    }


def shapes(state_dict: Mapping[str, Tensor]) -> Layout:
    return {key: tuple(value.shape) for key, value in state_dict.items()}


def picture(*shape: int) -> Tensor:
    """The golden inputs: uniform numbers between -1 and 1."""
    return torch.from_numpy(np.random.default_rng(20).random(shape, dtype=np.float32) * 2 - 1)
