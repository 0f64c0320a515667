"""What holds for every fusion system."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

import pipeline.fusion
from pipeline.fusion.blocks.system import FusionSystem
from pipeline.models.build import constructor_options
from pipeline.models.fusion_model import FusionOutput
from tests.fusion.factory import MASK, ROLES, WIDTHS, build, fill, window

PINNED = {  # predictions of both targets at one frame of the padded window
    "concatenation": [0.2925603977779725, 4.781894761725473],
    "cross_attention": [0.530030655513338, 5.617887894988938],
    "cross_modal_attention": [0.6870259036878407, 8.086434445014394],
    "gated_joint_cross_attention": [-0.021156622045684664, 9.907930209071608],
    "joint_cross_attention": [0.9855075847933328, 9.97323743749224],
    "leader_follower": [0.7213029779311814, 8.05394903457251],
    "lstm": [0.5209541067378264, 5.779199800461946],
    "reliability_gate": [-0.4746264369954959, 4.64894496165956],
    "self_attention": [0.9691965115060069, 0.007281509849698331],
    "unimodal": [0.4748553284729308, 5.39282369042402],
}
GIVEN = (
    {"widths", "length"},
    {"d_a", "d_v", "length"},
    {"in_features", "ranges"},
    {"in_features", "ranges", "voters"},
)
"""What the constructors of systems and heads are given, beside their options."""


def system_class(name: str) -> type[FusionSystem]:
    system: type[FusionSystem] = import_module(f"pipeline.fusion.{name}").FUSION
    return system


def valid_and_masked(model: nn.Module, streams: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Gradients of the predictions at valid frames, where the streams are valid and where they are masked."""
    inputs = {role: x.clone().requires_grad_() for role, x in streams.items()}
    gradients = torch.autograd.grad(model(inputs, MASK).predictions[MASK].pow(2).sum(), list(inputs.values()))
    return [(gradient[MASK], gradient[~MASK]) for gradient in gradients]


def test_every_module_with_a_system_is_tested() -> None:
    folder = Path(pipeline.fusion.__file__).parent
    systems = {path.stem for path in folder.glob("*.py") if "\nFUSION = " in path.read_text()}
    assert systems == set(ROLES)


def test_shapes_and_types(system: str) -> None:
    output = build(system)(window(system), MASK)
    assert isinstance(output, FusionOutput)
    assert output.predictions.shape == (3, 9, 2)
    assert output.features.shape[:2] == (3, 9)
    assert all(value.isfinite().all() for value in (output.predictions, output.features, *output.attention.values()))


def test_options_have_types_that_their_defaults_satisfy(system: str) -> None:
    fusion = system_class(system)
    for constructor in (fusion, fusion.HEAD):
        parameters = inspect.signature(constructor, eval_str=True).parameters
        options = constructor_options(constructor)
        assert set(parameters) - set(options) in GIVEN
        assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
        for option in options.values():
            TypeAdapter(option.annotation).validate_python(option.default, strict=True)


def test_no_option_of_a_system_has_the_name_of_its_heads(system: str) -> None:
    fusion = system_class(system)
    assert not set(constructor_options(fusion)) & set(constructor_options(fusion.HEAD))


def test_a_system_knows_the_width_of_its_features(system: str) -> None:
    model = build(system)
    assert model(window(system), MASK).features.shape[-1] == model.system.out_features


def test_a_systems_file_imports_no_other_system(system: str) -> None:
    lines = Path(str(import_module(f"pipeline.fusion.{system}").__file__)).read_text().splitlines()
    imported = [line.split()[1] for line in lines if line.startswith("from pipeline.")]
    assert imported
    assert all(module.startswith("pipeline.fusion.blocks.") for module in imported)


def test_predictions_keep_to_the_targets_range(system: str) -> None:
    options: dict[str, Any] = {"bounded": True} if system == "cross_modal_attention" else {}
    model = build(system, **options)
    for parameter in model.head.parameters():
        parameter.data *= 30
    narrow, wide = model(window(system), MASK).predictions.unbind(dim=-1)  # -1 to 1, 0 to 10
    assert 0.9 < narrow.abs().max() <= 1
    assert 4.5 < (wide - 5).abs().max() <= 5


def test_masked_frames_never_reach_valid_predictions(system: str) -> None:
    model = build(system)
    for valid, masked in valid_and_masked(model, window(system)):
        assert valid.abs().max() > 0
        assert masked.numel() > 0
        assert not masked.any()


def test_masked_frames_never_reach_valid_predictions_with_all_extras() -> None:
    for system in ("joint_cross_attention", "gated_joint_cross_attention"):
        extras: dict[str, Any] = {"bias": True, "tanh_attention": True, "relu_residual": True, "residual_dropout": 0.6}
        model = build(system, iterations=3, **extras)
        for parameter in model.parameters():
            parameter.data += 0.1
        for valid, masked in valid_and_masked(model, window(system)):
            assert valid.abs().max() > 0
            assert not masked.any()


def test_whatever_masked_frames_hold_even_nan(system: str) -> None:
    model, streams = build(system), window(system)
    expected = model(streams, MASK).predictions[MASK]
    spoilt = {role: torch.where(MASK.unsqueeze(-1), x, torch.nan) for role, x in streams.items()}
    assert all(x.isnan().any() for x in spoilt.values())
    assert torch.equal(model(spoilt, MASK).predictions[MASK], expected)


def test_a_window_without_any_frame_is_finite(system: str) -> None:
    streams = window(system)
    output = build(system)(streams, torch.zeros(3, 9, dtype=torch.bool))
    assert output.predictions.isfinite().all()


def test_windows_of_a_batch_do_not_meet(system: str) -> None:
    model, streams = build(system), window(system)
    together = model(streams, MASK).predictions
    for i in range(3):
        alone = model({role: x[i : i + 1] for role, x in streams.items()}, MASK[i : i + 1]).predictions
        torch.testing.assert_close(alone[0], together[i])


@pytest.mark.parametrize("seed", range(3))
def test_gradients_reach_every_parameter(system: str, seed: int) -> None:
    model = build(system, seed=seed)
    weights = torch.randn(3, 9, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (model(window(system, seed=seed + 10), MASK).predictions * weights).sum().backward()
    parameters = dict(model.named_parameters())
    assert len(parameters) >= 4
    assert [name for name, p in parameters.items() if p.grad is None or not p.grad.abs().max() > 1e-12] == []


def test_encoders_are_trained_and_named_by_role(system: str) -> None:
    model = build(system)
    for role in ROLES[system]:
        model.encoders[role] = nn.Linear(5, WIDTHS[role]).double()
    streams = {role: torch.randn(3, 9, 5, dtype=torch.float64) for role in ROLES[system]}
    names = [f"encoders.{role}.weight" for role in ROLES[system]]
    parameters = [model.get_parameter(name) for name in names]
    for gradient in torch.autograd.grad(model(streams, MASK).predictions.sum(), parameters):
        assert gradient.abs().max() > 0


def test_dropout_acts_in_training_only(system: str) -> None:
    options: dict[str, Any] = {"dropout": 0.9} if system == "leader_follower" else {}
    model, streams = build(system, **options), window(system)
    assert torch.equal(model(streams, MASK).predictions, model(streams, MASK).predictions)
    model.train()
    assert not torch.equal(model(streams, MASK).predictions, model(streams, MASK).predictions)


def test_equal_seeds_give_equal_bytes(system: str) -> None:
    def read(seed: int) -> dict[str, bytes]:
        return {name: value.numpy().tobytes() for name, value in build(system, seed=seed).state_dict().items()}

    assert read(3) == read(3)
    assert read(3) != read(4)


def test_half_precision_is_finite_and_close(system: str) -> None:
    model, streams = build(system).float(), {role: x.float() for role, x in window(system).items()}
    expected = model(streams, MASK)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(streams, MASK)
    assert output.predictions.dtype == torch.float32
    assert all(value.isfinite().all() for value in (output.predictions, output.features, *output.attention.values()))
    # A gate at a low temperature may turn over for a rounding error: most frames agree, not each.
    assert ((output.predictions - expected.predictions).abs()[MASK] < 0.1).double().mean() > 0.9


def test_pinned_numbers(system: str) -> None:
    predictions = fill(build(system))(window(system), MASK).predictions
    torch.testing.assert_close(predictions[1, 4], torch.tensor(PINNED[system], dtype=torch.float64))


def test_what_was_learnt_is_all_that_is_saved(system: str) -> None:
    model = build(system)
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}


def test_only_models_with_a_time_by_time_weight_are_bound_to_their_length(system: str) -> None:
    model, streams = build(system), window(system, t=12)
    whole = torch.ones(3, 12, dtype=torch.bool)
    if "joint" in system:
        with pytest.raises(ValueError, match="windows of 9 frames, got 12 frames"):
            model(streams, whole)
    else:
        assert model(streams, whole).predictions.shape == (3, 12, 2)


def test_streams_that_were_not_built_for_are_refused(system: str) -> None:
    model, streams = build(system), window(system)
    with pytest.raises(ValueError, match=r"got \[.*'text'\]"):
        model(streams | {"text": streams["visual"]}, MASK)
    with pytest.raises(ValueError, match="the model reads the streams"):
        model({role: x for role, x in streams.items() if role != "visual"}, MASK)


@pytest.mark.parametrize(
    ("system", "roles"),
    [
        ("unimodal", ()),
        ("unimodal", ("visual", "audio")),
        ("concatenation", ("visual",)),
        ("lstm", ("audio",)),
        ("self_attention", ("audio",)),
        ("cross_attention", ("visual",)),
        ("cross_attention", ("visual", "audio", "audio_2")),
        ("joint_cross_attention", ("audio",)),
        ("joint_cross_attention", ("visual", "audio_2")),
        ("gated_joint_cross_attention", ("audio", "audio_2")),
        ("gated_joint_cross_attention", ("visual", "audio", "audio_2")),
        ("leader_follower", ("visual",)),
        ("leader_follower", ("audio", "audio_2")),
        ("cross_modal_attention", ("visual",)),
        ("cross_modal_attention", ("audio", "audio_2")),
        ("reliability_gate", ("audio",)),
    ],
)
def test_missing_and_surplus_roles_are_named(system: str, roles: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"{system} needs .*") as caught:
        build(system, roles=roles)
    assert str(list(roles)) in str(caught.value)


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        ("unimodal", {"hidden": 0}, "hidden=0"),
        ("unimodal", {"dropout": 1.0}, r"\[0, 1\), got 1.0"),
        ("concatenation", {"width": 0}, "got 0"),
        ("lstm", {"width": 0}, "got 0 and 2"),
        ("lstm", {"layers": 0}, "got 128 and 0"),
        ("self_attention", {"heads": 4}, "got 4 heads for width 6"),
        ("cross_attention", {"width": 0}, "got 0"),
        ("leader_follower", {"heads": 3}, "got 3 heads for width 32"),
        ("leader_follower", {"attention_dropout": -0.1}, "got -0.1"),
        ("reliability_gate", {"width": 0}, "got 0"),
        ("reliability_gate", {"gate_dropout": 1.0}, "got 1.0"),
        ("reliability_gate", {"sharpness": 0.0}, "got 0.0"),
        ("joint_cross_attention", {"iterations": 0}, "got 0"),
        ("joint_cross_attention", {"length": 0}, "got 4, 6 and 0"),
        ("joint_cross_attention", {"residual_dropout": 1.5}, "got 1.5"),
        ("gated_joint_cross_attention", {"iterations": 0}, "got 0"),
        ("gated_joint_cross_attention", {"temperature": 0.0}, "got 0.0"),
        ("cross_modal_attention", {"heads": 0}, "got 0 heads"),
        ("cross_modal_attention", {"hidden": 0}, "hidden=0"),
    ],
)
def test_bad_options_are_named(system: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(system, **options)
