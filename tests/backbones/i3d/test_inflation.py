import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.backbones.i3d import I3D
from pipeline.backbones.i3d.inflation import inflate, is_flat
from tests.backbones.layouts import checkpoint, googlenet, i3d, picture, shapes


@pytest.fixture(scope="module")
def flat() -> dict[str, Tensor]:
    return checkpoint(googlenet())


def test_names_and_shapes_are_those_of_the_published_i3d(flat: dict[str, Tensor]) -> None:
    assert shapes(inflate(flat)) == {key: shape for key, shape in i3d().items() if not key.startswith("logits.")}


def test_kernels_are_repeated_over_time_and_keep_their_sum(flat: dict[str, Tensor]) -> None:
    inflated = inflate(flat)
    for given, name, size in (
        ("conv1", "Conv3d_1a_7x7", 7),
        ("conv2", "Conv3d_2b_1x1", 1),
        ("inception4e.branch3.1", "Mixed_4f.b2b", 3),
    ):
        kernel, solid = flat[f"{given}.conv.weight"], inflated[f"{name}.conv3d.weight"]
        assert solid.shape[2] == size
        torch.testing.assert_close(solid, (kernel / size).unsqueeze(2).expand_as(solid))
        assert torch.equal(inflated[f"{name}.bn.running_mean"], flat[f"{given}.bn.running_mean"])


def test_an_unknown_name_stays_for_strict_loading_to_report(flat: dict[str, Tensor]) -> None:
    inflated = inflate(flat | {"inception6a.branch1.conv.weight": torch.ones(1, 1, 1, 1)})
    assert inflated["inception6a.branch1.conv.weight"].shape == (1, 1, 1, 1)


def test_a_flat_checkpoint_is_known_by_its_first_convolution(flat: dict[str, Tensor]) -> None:
    assert is_flat(flat)
    assert not is_flat(inflate(flat))


def plain_inception(flat: dict[str, Tensor], x: Tensor) -> Tensor:
    """The 2-D network of (n, 3, h, w) before its last pool, layer by layer, padded as I3D pads."""

    def same(x: Tensor, size: int, stride: int) -> Tensor:
        pads: list[int] = []
        for length in (x.shape[3], x.shape[2]):
            total = max((math.ceil(length / stride) - 1) * stride + size - length, 0)
            pads += [total // 2, total - total // 2]
        return functional.pad(x, pads)

    def unit(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = flat[f"{name}.conv.weight"]
        x = functional.conv2d(same(x, weight.shape[-1], stride), weight, stride=stride)
        mean, variance, scale, shift = (
            flat[f"{name}.bn.{part}"].reshape(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return ((x - mean) / (variance + 0.001).sqrt() * scale + shift).relu()

    def pool(x: Tensor, size: int, stride: int) -> Tensor:
        return functional.max_pool2d(same(x, size, stride), size, stride)

    x = pool(unit(x, "conv1", 2), 3, 2)
    x = pool(unit(unit(x, "conv2"), "conv3"), 3, 2)
    for stage, names in ((3, "ab"), (4, "abcde"), (5, "ab")):
        for name in names:
            block = f"inception{stage}{name}"
            x = torch.cat(
                [
                    unit(x, f"{block}.branch1"),
                    unit(unit(x, f"{block}.branch2.0"), f"{block}.branch2.1"),
                    unit(unit(x, f"{block}.branch3.0"), f"{block}.branch3.1"),
                    unit(pool(x, 3, 1), f"{block}.branch4.1"),
                ],
                dim=1,
            )
        if stage < 5:
            x = pool(x, *((3, 2) if stage == 3 else (2, 2)))
    return x


def test_on_a_video_that_stands_still_it_answers_as_the_flat_network_on_the_picture(flat: dict[str, Tensor]) -> None:
    """The fixed point by which the I3D paper defines inflation, away from the video's ends, where zeros are padded."""
    still = picture(1, 3, 48, 40)
    network = I3D.from_published(flat)
    with torch.inference_mode():
        expected = plain_inception(flat, still)
        maps = network.maps(still.unsqueeze(2).expand(-1, -1, 128, -1, -1))
    assert expected.abs().max() > 0.1
    assert maps.shape == (1, 1024, 16, *expected.shape[2:])
    torch.testing.assert_close(maps[:, :, 8], expected, rtol=0, atol=1e-4)
    assert (maps[:, :, 0] - expected).abs().max() > 1e-3
