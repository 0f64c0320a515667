"""The start of joint cross-attention at the published widths: iterations are the identity, and then train."""

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.fusion_model import FusionModel
from pipeline.training.config import OptimiserConfig
from pipeline.training.loss import ccc_loss
from pipeline.training.schedule import make_optimizer

WIDTHS, LENGTH = {"visual": 128, "audio": 64}, 300
RANGES = ((-1.0, 1.0), (-1.0, 1.0))
SYSTEMS: dict[str, tuple[str, dict[str, Any]]] = {
    "JCA": ("joint_cross_attention", {"iterations": 1}),
    "RJCA": ("joint_cross_attention", {"iterations": 2}),
    "GRJCA": ("gated_joint_cross_attention", {"iterations": 2}),
}
ITERATED = ("RJCA", "GRJCA")

by_system = pytest.mark.parametrize("name", SYSTEMS)


def build(name: str, *, seed: int = 0, **options: Any) -> FusionModel:
    """Build a system at its start, on streams that reach it as they are."""
    torch.manual_seed(seed)
    fusion, own = SYSTEMS[name]
    config = ModelConfig(fusion=fusion, streams=("any",), temporal="identity", options=own | options)
    return build_network(config, in_features=WIDTHS, length=LENGTH, ranges=RANGES).eval()


def all_xavier(model: FusionModel) -> FusionModel:
    """Start W_h from Xavier's distribution too."""
    changed = [p for name, p in model.named_parameters() if name.endswith(("W_ha", "W_hv"))]
    assert changed
    for parameter in changed:
        nn.init.xavier_uniform_(parameter)
    return model


def batch() -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Two windows as the encoders' batch norm leaves them, labels, and the mask of whole windows."""
    generator = torch.Generator().manual_seed(1)
    streams = {role: torch.randn(2, LENGTH, width, generator=generator) for role, width in WIDTHS.items()}
    labels = torch.rand(2, LENGTH, 2, generator=generator) * 2 - 1
    return streams, labels, torch.ones(2, LENGTH, dtype=torch.bool)


def at_the_encoders(model: FusionModel) -> tuple[Tensor, Tensor]:
    """Return the features that the head reads, and the loss's gradient at the encoded streams (b, t, d)."""
    streams, labels, mask = batch()
    inputs = [streams[role].requires_grad_() for role in ("audio", "visual")]
    output = model(streams, mask)
    torch.autograd.backward(ccc_loss(output.predictions, labels, mask))
    gradients = [x.grad for x in inputs if x.grad is not None]
    assert len(gradients) == 2
    return output.features.detach(), torch.cat(gradients, dim=-1)


def head_alone(model: FusionModel, *, rectified: bool) -> tuple[Tensor, Tensor]:
    """Do the same with the streams, or their ReLU, put straight into the model's head."""
    streams, labels, mask = batch()
    x = torch.cat([streams["audio"], streams["visual"]], dim=-1).requires_grad_()
    features = torch.relu(x) if rectified else x
    torch.autograd.backward(ccc_loss(model.head(features), labels, mask))
    assert x.grad is not None
    return features.detach(), x.grad


@by_system
def test_features_and_gradients_are_those_of_the_head_alone(name: str) -> None:
    model = build(name)
    features, gradient = at_the_encoders(model)
    expected, wanted = head_alone(model, rectified=name == "GRJCA")  # the ReLUs of eq. 12 to 15
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-7)
    norms = {key: float(p.grad.norm()) for key, p in model.system.named_parameters() if p.grad is not None}
    assert max(norms.values()) < 5.0
    assert all(norm > 0 for key, norm in norms.items() if key.endswith(("W_ha", "W_hv")))


@by_system
def test_a_small_start_keeps_them_bounded_too(name: str) -> None:
    model = build(name, relu_residual=True)
    features, gradient = at_the_encoders(model)
    expected, wanted = head_alone(model, rectified=name == "GRJCA")
    assert 0.8 < float(features.std() / expected.std()) < 1.2
    assert 0.5 < float(gradient.norm() / wanted.norm()) < 2.0


@by_system
def test_an_all_xavier_start_would_not_be_bounded(name: str) -> None:
    model = all_xavier(build(name))
    features, gradient = at_the_encoders(model)
    expected, wanted = head_alone(model, rectified=name == "GRJCA")
    assert features.std() > 3 * expected.std()
    if name in ITERATED:
        assert gradient.norm() > 5 * wanted.norm()


@by_system
@pytest.mark.parametrize("released", [False, True], ids=["as printed", "as released"])
def test_a_gradient_reaches_every_weight_at_the_start_or_after_a_step(name: str, released: bool) -> None:
    extras = {"bias": True, "tanh_attention": True, "relu_residual": True} if released else {}
    model = build(name, **extras)
    streams, labels, mask = batch()
    optimizer = make_optimizer(model.parameters(), OptimiserConfig())
    unreached: list[set[str]] = []
    for _ in range(2):
        optimizer.zero_grad()
        torch.autograd.backward(ccc_loss(model(streams, mask).predictions, labels, mask))
        parameters = dict(model.named_parameters())
        assert len(parameters) >= 10
        unreached.append({key for key, p in parameters.items() if p.grad is None or not p.grad.any()})
        optimizer.step()
    assert not unreached[1]
    if released:
        assert not unreached[0]
    else:
        assert {key.rpartition(".")[2] for key in unreached[0]} >= {"W_ja", "W_jv", "W_ca", "W_cv"}
        assert not any(key.endswith(("W_ha", "W_hv")) for key in unreached[0])


def loss_after_training(fusion: str, options: dict[str, Any], *, xavier: bool = False) -> float:
    """Fit two slow waves, mixed into the noisy features of both modalities, in 16 steps at the demo's rate."""
    b, t, widths = 4, 60, {"visual": 32, "audio": 24}
    generator = torch.Generator().manual_seed(3)
    pace, phase = torch.rand(2, b, 1, 2, generator=generator)
    time = torch.linspace(0, 2 * torch.pi, t)[None, :, None]
    labels = 0.6 * torch.sin(time * (1 + 3 * pace) + 2 * torch.pi * phase)  # (b, t, 2)
    streams = {
        role: labels @ torch.randn(2, width, generator=generator) + torch.randn(b, t, width, generator=generator)
        for role, width in widths.items()
    }
    torch.manual_seed(0)
    encoders = {"visual": {"channels": [128, 128]}, "audio": {"channels": [64, 64]}}
    config = ModelConfig(
        fusion=fusion, streams=("any",), temporal="tcn", encoders=encoders, options=options | {"dropout": 0.0}
    )
    model = build_network(config, in_features=widths, length=t, ranges=RANGES)
    if xavier:
        all_xavier(model)
    optimizer = make_optimizer(model.parameters(), OptimiserConfig(learning_rate=1e-3))
    mask = torch.ones(b, t, dtype=torch.bool)
    for _ in range(16):
        optimizer.zero_grad()
        loss = ccc_loss(model(streams, mask).predictions, labels, mask)
        torch.autograd.backward(loss)
        optimizer.step()
    return float(loss.detach())


@cache
def loss_of_concatenation() -> float:
    return loss_after_training("concatenation", {})


@by_system
def test_as_printed_it_fits_as_fast_as_concatenation(name: str) -> None:
    # Over eight seeds, 0.6 to 1.2 times concatenation's loss; from an all-Xavier start 3 to 18 times.
    fusion, options = SYSTEMS[name]
    loss = loss_after_training(fusion, options)
    assert loss < 2.5 * loss_of_concatenation() < 0.25
    assert loss < 0.6 * loss_after_training(fusion, options, xavier=True)
