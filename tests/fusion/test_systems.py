"""What holds for every fusion system."""

import inspect
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

import pipeline.fusion
from pipeline.fusion.blocks.output import FusionOutput

PINNED = {  # predictions of both targets at one frame of the padded window
    "concatenation": [0.2925603977779725, 4.781894761725473],
    "cross_attention": [0.530030655513338, 5.617887894988938],
    "cross_modal_attention": [0.6870259036878407, 8.086434445014394],
    "gated_joint_cross_attention": [-0.021156622045684664, 9.907930209071608],
    "joint_cross_attention": [0.9855075847933328, 9.97323743749224],
    "leader_follower": [0.46547343824309306, 8.12447751701175],
    "lstm": [0.5209541067378264, 5.779199800461946],
    "self_attention": [0.9691965115060069, 0.007281509849698331],
    "unimodal": [0.4748553284729308, 5.39282369042402],
}
SHARED = {"encoders", "widths", "length", "ranges"}


def valid_and_masked(predictions, streams, mask):
    """Gradients of the predictions at valid frames, where the streams are valid and where they are masked."""
    inputs = {role: x.clone().requires_grad_() for role, x in streams.items()}
    predictions(inputs)[mask].pow(2).sum().backward()
    return [(x.grad[mask], x.grad[~mask]) for x in inputs.values()]


def test_every_module_with_a_system_is_tested(roles):
    folder = Path(pipeline.fusion.__file__).parent
    systems = {path.stem for path in folder.glob("*.py") if "\nFUSION = " in path.read_text()}
    assert systems == set(roles)


def test_shapes_and_types(system, build, window, mask):
    output = build(system)(window(system), mask)
    assert isinstance(output, FusionOutput)
    assert output.predictions.shape == (3, 9, 2)
    assert output.features.shape[:2] == (3, 9)
    assert all(value.isfinite().all() for value in (output.predictions, output.features, *output.attention.values()))


def test_options_have_types_that_their_defaults_satisfy(system):
    function = import_module(f"pipeline.fusion.{system}").FUSION.from_streams
    parameters = inspect.signature(function).parameters
    assert set(parameters) > SHARED
    hints = get_type_hints(function)
    for name, parameter in parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if name not in SHARED:
            TypeAdapter(hints[name]).validate_python(parameter.default, strict=True)


def test_predictions_keep_to_the_targets_range(system, build, window, mask):
    options = {"bounded": True} if system == "cross_modal_attention" else {}
    model = build(system, **options)
    for parameter in model.head.parameters():
        parameter.data *= 30
    narrow, wide = model(window(system), mask).predictions.unbind(dim=-1)  # -1 to 1, 0 to 10
    assert 0.9 < narrow.abs().max() <= 1
    assert 4.5 < (wide - 5).abs().max() <= 5


def test_masked_frames_never_reach_valid_predictions(system, build, window, mask):
    model = build(system)
    for valid, masked in valid_and_masked(lambda x: model(x, mask).predictions, window(system), mask):
        assert valid.abs().max() > 0
        assert masked.numel() > 0
        assert not masked.any()


def test_masked_frames_never_reach_valid_predictions_with_all_extras(build, window, mask):
    for system in ("joint_cross_attention", "gated_joint_cross_attention"):
        extras = {"bias": True, "tanh_attention": True, "relu_residual": True, "residual_dropout": 0.6}
        model = build(system, iterations=3, **extras)
        for parameter in model.parameters():
            parameter.data += 0.1
        for valid, masked in valid_and_masked(lambda x, model=model: model(x, mask).predictions, window(system), mask):
            assert valid.abs().max() > 0
            assert not masked.any()


def test_whatever_masked_frames_hold_even_nan(system, build, window, mask):
    model, streams = build(system), window(system)
    expected = model(streams, mask).predictions[mask]
    spoilt = {role: torch.where(mask.unsqueeze(-1), x, torch.nan) for role, x in streams.items()}
    assert all(x.isnan().any() for x in spoilt.values())
    assert torch.equal(model(spoilt, mask).predictions[mask], expected)


def test_a_window_without_any_frame_is_finite(system, build, window):
    streams = window(system)
    output = build(system)(streams, torch.zeros(3, 9, dtype=torch.bool))
    assert output.predictions.isfinite().all()


def test_windows_of_a_batch_do_not_meet(system, build, window, mask):
    model, streams = build(system), window(system)
    together = model(streams, mask).predictions
    for i in range(3):
        alone = model({role: x[i : i + 1] for role, x in streams.items()}, mask[i : i + 1]).predictions
        torch.testing.assert_close(alone[0], together[i])


@pytest.mark.parametrize("seed", range(3))
def test_gradients_reach_every_parameter(system, build, window, mask, seed):
    model = build(system, seed=seed)
    weights = torch.randn(3, 9, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (model(window(system, seed=seed + 10), mask).predictions * weights).sum().backward()
    parameters = dict(model.named_parameters())
    assert len(parameters) >= 4
    assert [name for name, p in parameters.items() if p.grad is None or not p.grad.abs().max() > 1e-12] == []


def test_encoders_are_trained_and_named_by_role(system, build, mask, roles, widths):
    model = build(system)
    for role in roles[system]:
        model.encoders[role] = nn.Linear(5, widths[role]).double()
    streams = {role: torch.randn(3, 9, 5, dtype=torch.float64) for role in roles[system]}
    model(streams, mask).predictions.sum().backward()
    parameters = dict(model.named_parameters())
    for role in roles[system]:
        assert parameters[f"encoders.{role}.weight"].grad.abs().max() > 0


def test_dropout_acts_in_training_only(system, build, window, mask):
    options = {"dropout": 0.9} if system == "leader_follower" else {}
    model, streams = build(system, **options), window(system)
    assert torch.equal(model(streams, mask).predictions, model(streams, mask).predictions)
    model.train()
    assert not torch.equal(model(streams, mask).predictions, model(streams, mask).predictions)


def test_equal_seeds_give_equal_bytes(system, build):
    def read(seed: int) -> dict[str, bytes]:
        return {name: value.numpy().tobytes() for name, value in build(system, seed=seed).state_dict().items()}

    assert read(3) == read(3)
    assert read(3) != read(4)


def test_half_precision_is_finite_and_close(system, build, window, mask):
    model, streams = build(system).float(), {role: x.float() for role, x in window(system).items()}
    expected = model(streams, mask)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(streams, mask)
    assert output.predictions.dtype == torch.float32
    assert all(value.isfinite().all() for value in (output.predictions, output.features, *output.attention.values()))
    # A gate at a low temperature may turn over for a rounding error: most frames agree, not each.
    assert ((output.predictions - expected.predictions).abs()[mask] < 0.1).double().mean() > 0.9


def test_pinned_numbers(system, build, window, mask, fill):
    predictions = fill(build(system))(window(system), mask).predictions
    torch.testing.assert_close(predictions[1, 4], torch.tensor(PINNED[system], dtype=torch.float64))


def test_what_was_learnt_is_all_that_is_saved(system, build):
    model = build(system)
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}


def test_only_models_with_a_time_by_time_weight_are_bound_to_their_length(system, build, window):
    model, streams = build(system), window(system, t=12)
    whole = torch.ones(3, 12, dtype=torch.bool)
    if "joint" in system:
        with pytest.raises(ValueError, match="windows of 9 frames, got 12 frames"):
            model(streams, whole)
    else:
        assert model(streams, whole).predictions.shape == (3, 12, 2)


def test_streams_that_were_not_built_for_are_refused(system, build, window, mask):
    model, streams = build(system), window(system)
    with pytest.raises(ValueError, match=r"got \[.*'text'\]"):
        model(streams | {"text": streams["visual"]}, mask)
    with pytest.raises(ValueError, match="the model reads the streams"):
        model({role: x for role, x in streams.items() if role != "visual"}, mask)


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
    ],
)
def test_missing_and_surplus_roles_are_named(build, system, roles):
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
        ("joint_cross_attention", {"iterations": 0}, "got 0"),
        ("joint_cross_attention", {"length": 0}, "got 4, 6 and 0"),
        ("joint_cross_attention", {"residual_dropout": 1.5}, "got 1.5"),
        ("gated_joint_cross_attention", {"iterations": 0}, "got 0"),
        ("gated_joint_cross_attention", {"temperature": 0.0}, "got 0.0"),
        ("cross_modal_attention", {"heads": 0}, "got 0 heads"),
        ("cross_modal_attention", {"hidden": 0}, "hidden=0"),
    ],
)
def test_bad_options_are_named(build, system, options, message):
    with pytest.raises(ValueError, match=message):
        build(system, **options)
