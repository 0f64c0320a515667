import numpy as np
import pytest
import torch

from pipeline.fusion.blocks.voting import VotingHead
from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from tests.fusion.factory import MASK, RANGES, WHOLE, WIDTHS, Array, build, fill, state, window


def equations(state: dict[str, Array], x: dict[str, Array], *, sharpness: float) -> tuple[Array, dict[str, float]]:
    """One frame: x holds one vector per role, in order. Predictions, and each voter's reliability."""
    low, high = np.array(RANGES).T
    read = x | {"fused": np.concatenate(list(x.values()))}
    predictions, scores = [], {}
    for number, (voter, vector) in enumerate(read.items()):
        h = np.maximum(state[f"voters.{voter}.0.weight"] @ vector + state[f"voters.{voter}.0.bias"], 0)
        y = state[f"head.voters.{number}.mlp.0.weight"] @ h + state[f"head.voters.{number}.mlp.0.bias"]
        predictions.append(low + (high - low) * (np.tanh(y) + 1) / 2)
        seen = np.append(vector, np.mean(vector**2))
        scores[voter] = float(state[f"gates.{voter}.weight"][0] @ seen + state[f"gates.{voter}.bias"][0])
    weights = np.exp(sharpness * np.array(list(scores.values())))
    weights /= weights.sum()
    reliability = {voter: min(max(1 - np.exp(-s), 0), 1) for voter, s in scores.items()}
    return sum(w * p for w, p in zip(weights, predictions, strict=True)), reliability


def test_it_equals_the_equations_frame_by_frame() -> None:
    model, streams = fill(build("reliability_gate", width=5, sharpness=1.5)), window("reliability_gate")
    with torch.no_grad():
        output = model(streams, WHOLE)
    seen = set()
    for b in range(3):
        for t in range(9):
            frame = {role: x[b, t].numpy() for role, x in streams.items()}
            predictions, reliability = equations(state(model), frame, sharpness=1.5)
            np.testing.assert_allclose(output.predictions[b, t].numpy(), predictions, rtol=1e-9)
            for voter, value in reliability.items():
                assert float(output.attention[f"reliability_{voter}"][b, t]) == pytest.approx(value, abs=1e-12)
                seen.add(0 < value < 1)
    assert seen == {True, False}


def test_all_voters_start_equally_reliable() -> None:
    config = ModelConfig(fusion="reliability_gate", streams=("any",), temporal="identity")
    network = build_network(config, in_features=WIDTHS, length=9, ranges=RANGES).double().eval()
    output = network(window("reliability_gate"), MASK)
    assert list(output.attention) == [f"reliability_{voter}" for voter in ("visual", "audio", "audio_2", "fused")]
    assert not any(values.any() for values in output.attention.values())
    assert output.votes is not None
    assert output.votes.predictions.shape == (3, 9, 4, 2)
    torch.testing.assert_close(output.predictions, output.votes.predictions.mean(dim=-2))


def test_a_stream_that_is_told_to_be_useless_is_left_out() -> None:
    model = build("reliability_gate")
    for voter in ("visual", "fused"):
        model.get_parameter(f"system.gates.{voter}.bias").data -= 100
    streams = {role: x.requires_grad_() for role, x in window("reliability_gate").items()}
    gradients = torch.autograd.grad(model(streams, WHOLE).predictions.sum(), list(streams.values()))
    reached = {role: bool(gradient.abs().max() > 1e-12) for role, gradient in zip(streams, gradients, strict=True)}
    assert reached == {"visual": False, "audio": True, "audio_2": True}


def test_frames_never_meet() -> None:
    model = fill(build("reliability_gate"))
    streams = {role: x.requires_grad_() for role, x in window("reliability_gate").items()}
    for gradient in torch.autograd.grad(model(streams, WHOLE).predictions[1, 4].sum(), list(streams.values())):
        assert gradient.abs().sum(dim=-1).nonzero().tolist() == [[1, 4]]


def test_its_head_lets_each_stream_vote_and_all_together() -> None:
    head = build("reliability_gate", roles=("visual", "audio"), width=12).head
    assert isinstance(head, VotingHead)
    assert (len(head.voters), head.width) == (3, 12)
