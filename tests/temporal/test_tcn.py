import json
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from pipeline.temporal.blocks.convolutions import FrameNorm, TemporalConvolutions, activate
from pipeline.temporal.blocks.dropout import dropout_factor
from pipeline.temporal.tcn import ENCODER, TCN

Numbers = npt.NDArray[np.float64]
GOLDEN = Path(__file__).parents[1] / "golden"


def published(keys: dict[str, list[int]]) -> dict[str, Tensor]:
    """The golden weights: normal numbers seeded by their key, weights scaled to fan-in, biases by a tenth."""
    weights = {}
    for key, shape in keys.items():
        noise = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
        scale = 0.1 if key.endswith("bias") else 1 / np.sqrt(np.prod(shape[1:]))
        weights[key] = torch.from_numpy((noise * scale).astype(np.float32))
    return weights


@pytest.fixture
def keys() -> dict[str, list[int]]:
    shapes: dict[str, list[int]] = json.loads((GOLDEN / "tcn_keys.json").read_text())
    return shapes


def small(**options: Any) -> TCN:
    torch.manual_seed(0)
    small_net: dict[str, Any] = {"channels": (5, 5, 4), "kernel_size": 3}
    return TCN(in_features=6, **(small_net | options)).double().eval()


def window(b: int = 2, t: int = 40, d: int = 6) -> Tensor:
    return torch.randn(b, t, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def plain(tcn: TCN, x: Numbers) -> Numbers:
    """One window (t, d), frame by frame and tap by tap."""
    state = {name: value.numpy() for name, value in tcn.state_dict().items()}

    def convolve(x: Numbers, name: str, dilation: int) -> Numbers:
        g, v = (state[f"{name}.parametrizations.weight.original{i}"] for i in (0, 1))
        weight = g * v / np.sqrt((v**2).sum(axis=(1, 2), keepdims=True))
        taps = weight.shape[2]
        out = np.tile(state[f"{name}.bias"], (len(x), 1))
        for frame in range(len(x)):
            for tap in range(taps):
                source = frame + (tap - (taps - 1)) * dilation
                if 0 <= source < len(x):
                    out[frame] += weight[:, :, tap] @ x[source]
        return out

    def leaky(x: Numbers) -> Numbers:
        return np.where(x > 0, x, 0.01 * x)

    for level in range(len(tcn.convolutions.network)):
        block = f"convolutions.network.{level}"
        y = leaky(convolve(x, f"{block}.conv1", 2**level))
        y = leaky(convolve(y, f"{block}.conv2", 2**level))
        if f"{block}.downsample.weight" in state:
            x = x @ state[f"{block}.downsample.weight"][:, :, 0].T + state[f"{block}.downsample.bias"]
        x = leaky(x + y)
    scale = state["norm.weight"] / np.sqrt(state["norm.running_var"] + tcn.norm.eps)
    output: Numbers = (x - state["norm.running_mean"]) * scale + state["norm.bias"]
    return output


def frames_that_reach(tcn: nn.Module, frame: int, *, t: int) -> list[int]:
    x = window(b=1, t=t).requires_grad_()
    (gradient,) = torch.autograd.grad(tcn(x)[0, frame].sum(), x)
    reach: list[int] = gradient[0].abs().sum(dim=1).nonzero().flatten().tolist()
    return reach


def test_the_published_weights_give_the_published_outputs(keys: dict[str, list[int]]) -> None:
    golden = np.load(GOLDEN / "tcn.npz")
    stack = TemporalConvolutions.from_published(published(keys)).eval()
    assert stack.out_features == 64
    assert stack.receptive_field == 121
    with torch.no_grad():
        outputs = stack(torch.from_numpy(golden["inputs"])).numpy()
    assert outputs.shape == golden["outputs"].shape
    np.testing.assert_allclose(outputs, golden["outputs"], rtol=0, atol=1e-5)


def test_of_the_published_duplicates_the_net_names_are_read(keys: dict[str, list[int]]) -> None:
    weights = published(keys)
    only_net = {name: tensor for name, tensor in weights.items() if ".conv1." not in name and ".conv2." not in name}
    assert len(only_net) < len(weights)
    both, one = (TemporalConvolutions.from_published(state).state_dict() for state in (weights, only_net))
    assert all(torch.equal(both[name], one[name]) for name in both)


def test_a_published_dictionary_must_be_complete_and_known(keys: dict[str, list[int]]) -> None:
    weights = published(keys)
    removed = weights.pop("network.2.downsample.bias")
    with pytest.raises(ValueError, match=r"missing tensors \['network.2.downsample.bias'\]"):
        TemporalConvolutions.from_published(weights)
    with pytest.raises(ValueError, match=r"unknown tensors \['network.0.extra'\]"):
        TemporalConvolutions.from_published(
            weights | {"network.2.downsample.bias": removed, "network.0.extra": removed}
        )
    with pytest.raises(ValueError, match="not a published TCN"):
        TemporalConvolutions.from_published({"backbone.weight": removed})


def test_it_equals_convolutions_written_as_loops() -> None:
    tcn = small()
    with torch.no_grad():
        tcn.norm.get_buffer("running_mean").add_(0.3)
        tcn.norm.get_buffer("running_var").mul_(1.7)
        x = window()
        outputs = tcn(x).numpy()
    expected = np.stack([plain(tcn, sequence) for sequence in x.numpy()])
    np.testing.assert_allclose(outputs, expected, rtol=1e-10, atol=1e-12)


def test_published_defaults_see_121_frames_and_none_of_the_future() -> None:
    torch.manual_seed(0)
    tcn = TCN(in_features=6).double().eval()
    assert tcn.out_features == 128
    assert tcn.receptive_field == 121
    assert frames_that_reach(tcn, 150, t=200) == list(range(150 - 120, 150 + 1))


def test_nothing_leaks_from_the_future_at_any_frame() -> None:
    tcn = small()
    for frame in range(40):
        reach = frames_that_reach(tcn, frame, t=40)
        assert reach == list(range(max(0, frame - tcn.receptive_field + 1), frame + 1))


def test_a_causal_window_may_be_cut_anywhere() -> None:
    tcn, x = small(), window()
    with torch.no_grad():
        torch.testing.assert_close(tcn(x[:, :17]), tcn(x)[:, :17])


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_one_pass_activates_drops_and_pads_as_three_operations(padding: int, dropout: float) -> None:
    x = torch.randn(2, 5, 7, dtype=torch.float64, requires_grad=True)
    towards = torch.randn(2, 5, padding + 7, dtype=torch.float64)
    torch.manual_seed(3)
    found = activate(x, padding=padding, dropout=dropout)
    torch.manual_seed(3)
    factor = dropout_factor(torch.empty(2, 7, 5, dtype=torch.float64), dropout).transpose(1, 2)
    expected = nn.functional.pad(nn.functional.leaky_relu(x, 0.01) * factor, (padding, 0))
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad((y * towards).sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_the_norm_of_pictures_is_that_of_frames() -> None:
    x = torch.randn(3, 4, 6)
    ours, theirs = FrameNorm(4), nn.BatchNorm1d(4)
    torch.testing.assert_close(ours(x), theirs(x))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_dropout_is_on_in_training_alone() -> None:
    tcn, x = small(dropout=0.5), window()
    assert torch.equal(tcn(x), tcn(x))
    tcn.train()
    assert not torch.equal(tcn(x), tcn(x))


@pytest.mark.parametrize(
    ("channels", "kernel_size", "frames"),
    [((8,) * 4, 5, 121), ((8,) * 5, 5, 249), ((8,) * 4, 3, 61), ((8,) * 4, 7, 181)],
)
def test_receptive_field(channels: tuple[int, ...], kernel_size: int, frames: int) -> None:
    assert TCN(in_features=3, channels=channels, kernel_size=kernel_size).receptive_field == frames


def test_gradients_reach_every_parameter() -> None:
    tcn = small().train()
    (tcn(window()) ** 3).sum().backward()
    assert [name for name, p in tcn.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []


def test_equal_seeds_give_equal_bytes() -> None:
    first, second = (small().state_dict() for _ in range(2))
    assert {n: v.numpy().tobytes() for n, v in first.items()} == {n: v.numpy().tobytes() for n, v in second.items()}
    torch.manual_seed(7)
    other = TCN(in_features=6, channels=(5, 5, 4), kernel_size=3).double().state_dict()
    name = "convolutions.network.0.conv1.parametrizations.weight.original1"
    assert not torch.equal(first[name], other[name])


def test_weights_start_xavier_with_gain_root_two_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    block = TCN(in_features=64, channels=(64,)).convolutions.network[0]
    convolution = block.get_submodule("conv1")
    limit = np.sqrt(2) * np.sqrt(6 / (2 * 64 * 5))
    weight = cast(Tensor, convolution.weight).detach()
    assert 0.99 * limit < weight.abs().max() <= limit * (1 + 1e-6)
    assert not cast(Tensor, convolution.bias).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": ()}, r"in_features and channels must be positive, got 6 and \[\]"),
        ({"channels": (4, 0)}, r"got 6 and \[4, 0\]"),
        ({"in_features": 0}, "got 0 and"),
        ({"kernel_size": 0}, "kernel_size must be positive, got 0"),
        ({"dropout": 1.0}, r"\[0, 1\), got 1.0"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TCN(**({"in_features": 6, "channels": (4, 4), **options}))


def test_the_module_names_its_encoder() -> None:
    assert ENCODER is TCN
