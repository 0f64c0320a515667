from typing import Any

import numpy as np
import pytest
import torch

from pipeline.fusion.gated_joint_cross_attention import GatedRecursiveJointCrossAttention
from tests.fusion.factory import WHOLE, Array, audio_visual, build, head, past_the_start, state

D_A, D_V, T = 4, 6, 9


def model(**options: Any) -> GatedRecursiveJointCrossAttention:
    torch.manual_seed(0)
    return past_the_start(GatedRecursiveJointCrossAttention(d_a=D_A, d_v=D_V, length=T, **options).double().eval())


def softmax(row: Array) -> Array:
    return np.array([1 / sum(np.exp(other - value) for other in row) for value in row])


def equations(
    state: dict[str, Array], x: dict[str, Array], *, M: int, temperature: float
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Equations 1 to 15 for one window, (t, d_m) each, frame by frame from equation 10 on."""
    trail = {m: [x[m]] for m in "av"}
    for i in range(M):
        before = {m: trail[m][-1] for m in "av"}
        J = np.hstack([before["a"], before["v"]])  # 1
        for m in "av":
            W_j, W_c, W_h = (state[f"steps.{i}.W_{name}{m}"] for name in "jch")
            C = np.tanh(np.einsum("ti,ts,sj->ij", before[m], W_j, J) / np.sqrt(D_A + D_V))  # 2, 3
            H = np.maximum(before[m] @ (W_c @ C), 0)  # 4, 5
            trail[m].append(H @ W_h + before[m])  # 6 to 9
    final: dict[str, Array] = {}
    gates: dict[str, Array] = {}
    stages: dict[str, Array] = {}
    for m in "av":
        d_m = x[m].shape[1]
        final[m], gates[m], stages[m] = np.zeros((T, d_m)), np.zeros((T, M, 2)), np.zeros((T, M))
        for frame in range(T):
            gated = []
            for i in range(M):
                before, after = trail[m][i][frame], trail[m][i + 1][frame]
                G = softmax(after @ state[f"W_gl_{m}.{i}"] / temperature)  # 10, 11
                gates[m][frame, i] = G
                gated.append(np.maximum(before * G[0] + after * G[1], 0))  # 12, 13
            G_f = softmax(np.concatenate(gated) @ state[f"W_gf_{m}"] / temperature)
            stages[m][frame] = G_f
            final[m][frame] = np.maximum(sum(g * weight for g, weight in zip(gated, G_f, strict=True)), 0)  # 14, 15
    return final, gates, stages


def test_parameters_are_the_papers_symbols() -> None:
    parameters = {name: tuple(p.shape) for name, p in model().named_parameters()}
    step = {"W_ja": (9, 9), "W_jv": (9, 9), "W_ca": (4, 4), "W_cv": (6, 6), "W_ha": (10, 4), "W_hv": (10, 6)}
    assert parameters == {
        **{f"steps.{i}.{name}": shape for i in range(2) for name, shape in step.items()},
        **{f"W_gl_a.{i}": (4, 2) for i in range(2)},
        **{f"W_gl_v.{i}": (6, 2) for i in range(2)},
        "W_gf_a": (8, 2),
        "W_gf_v": (12, 2),
    }


@pytest.mark.parametrize(("M", "temperature"), [(1, 0.1), (2, 0.1), (2, 1.0), (3, 0.5)])
def test_fuse_equals_the_equations(M: int, temperature: float) -> None:
    network = model(iterations=M, temperature=temperature)
    x_a, x_v = audio_visual()
    with torch.no_grad():
        final_a, final_v, gates = network.fuse(x_a, x_v)
    for i in range(len(x_a)):
        final, gate, stage = equations(
            state(network), {"a": x_a[i].numpy(), "v": x_v[i].numpy()}, M=M, temperature=temperature
        )
        for got, expected in [
            (final_a, final["a"]),
            (final_v, final["v"]),
            (gates["audio"], gate["a"]),
            (gates["visual"], gate["v"]),
            (gates["stage_audio"], stage["a"]),
            (gates["stage_visual"], stage["v"]),
        ]:
            np.testing.assert_allclose(got[i].numpy(), expected, rtol=1e-10, atol=1e-12)
    assert set(gates) == {"audio", "visual", "stage_audio", "stage_visual"}
    assert final_a.max() > 0
    assert final_v.max() > 0


def test_predictions_are_the_head_of_the_final_audio_visual() -> None:
    network = build("gated_joint_cross_attention")
    assert isinstance(network.system, GatedRecursiveJointCrossAttention)
    x_a, x_v = audio_visual()
    with torch.no_grad():
        output = network({"audio": x_a, "visual": x_v}, WHOLE)
        final_a, final_v, gates = network.system.fuse(x_a, x_v)
    assert torch.equal(output.features, torch.cat([final_a, final_v], dim=-1))
    assert all(torch.equal(output.attention[name], gate) for name, gate in gates.items())
    np.testing.assert_allclose(output.predictions.numpy(), head(state(network), output.features.numpy()), rtol=1e-10)


def test_a_gate_chooses_between_a_step_and_what_was_before_it() -> None:
    network = model(iterations=1, temperature=1e-6)
    x_a, x_v = (x.abs() for x in audio_visual())
    with torch.no_grad():
        for column, expected in ((0, x_a), (1, torch.relu(network.steps[0](x_a, x_v)[0]))):
            after, _ = network.steps[0](x_a, x_v)
            network.W_gl_a[0].zero_()
            # Whatever the sign of the feature that the gate reads, its logit favours `column` at the frames checked.
            network.W_gl_a[0][0, column] = 1.0
            certain = after[..., 0] > 1e-3
            assert certain.any()
            final_a, _, gates = network.fuse(x_a, x_v)
            torch.testing.assert_close(final_a[certain], expected[certain])
            assert (gates["audio"][certain][..., 0, column] == 1).all()


def test_the_ungated_features_feed_the_next_step() -> None:
    network = model(iterations=2)
    x_a, x_v = audio_visual()
    with torch.no_grad():
        before = network.fuse(x_a, x_v)[2]["audio"][:, :, 1]
        network.W_gl_a[0].mul_(-1)
        network.W_gl_v[0].mul_(-1)
        after = network.fuse(x_a, x_v)[2]["audio"][:, :, 1]
    assert torch.equal(before, after)


def test_weights_are_each_iterations_own() -> None:
    network = model(iterations=3)
    assert len({p.data_ptr() for p in network.parameters()}) == len(list(network.parameters()))
    assert not torch.equal(network.get_parameter("steps.0.W_ja"), network.get_parameter("steps.1.W_ja"))


def test_weights_start_xavier_and_what_an_iteration_adds_at_zero() -> None:
    torch.manual_seed(0)
    network = GatedRecursiveJointCrossAttention(d_a=64, d_v=128, length=300)
    assert not any(network.get_parameter(f"steps.{i}.W_h{m}").any() for i in range(2) for m in "av")
    for name in ("steps.1.W_ja", "steps.0.W_cv", "W_gl_v.1", "W_gf_a"):
        weight = network.get_parameter(name)
        limit = np.sqrt(6 / sum(weight.shape))
        assert 0.9 * limit < weight.abs().max() <= limit


def test_extras_of_the_released_code() -> None:
    network = model(bias=True, tanh_attention=True, relu_residual=True, residual_dropout=0.6).train()
    names = {name for name, _ in network.named_parameters()}
    assert {"steps.1.b_ja", "steps.0.b_hv", "b_gl_a.1", "b_gl_v.0", "b_gf_a", "b_gf_v"} <= names
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.split(".")[-1].startswith("b_") or name.startswith("b_"):
                parameter.uniform_(0.1, 0.3)
    features, _ = network(dict(zip(("audio", "visual"), audio_visual(), strict=True)), WHOLE)
    features.square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []
