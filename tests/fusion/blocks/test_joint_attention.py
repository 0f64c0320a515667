import numpy as np
import pytest
import torch

from pipeline.fusion.blocks.joint_attention import Extras, JointCrossAttention, RecursiveAttention
from tests.fusion.factory import WHOLE, Array, audio_visual, past_the_start, state

D_A, D_V, T = 4, 6, 9
AS_PRINTED, EVERYTHING = Extras(), Extras(bias=True, tanh_attention=True, relu_residual=True)


def block(extras: Extras = AS_PRINTED, seed: int = 0) -> JointCrossAttention:
    torch.manual_seed(seed)
    module = past_the_start(JointCrossAttention(d_a=D_A, d_v=D_V, length=T, extras=extras).double().eval())
    if extras.relu_residual:
        module.W_ha.data *= 100  # past its small start
        module.W_hv.data *= 100
    for name, parameter in module.named_parameters():
        if name.startswith("b_"):
            parameter.data.uniform_(-0.5, 0.5)
    return module


def equations(state: dict[str, Array], x_a: Array, x_v: Array, extras: Extras) -> list[Array]:
    """One window, one number at a time."""
    J = [[*x_a[s], *x_v[s]] for s in range(T)]
    d = D_A + D_V
    attended = []
    for m, x in (("a", x_a), ("v", x_v)):
        d_m = x.shape[1]
        W_j, W_c, W_h = (state[f"W_{name}{m}"] for name in "jch")
        b_j, b_c, b_h = (state.get(f"b_{name}{m}", np.zeros(max(T, d))) for name in "jch")
        C = np.zeros((d_m, d))
        for i in range(d_m):
            for j in range(d):
                total = sum((sum(x[t, i] * W_j[t, s] for t in range(T)) + b_j[s]) * J[s][j] for s in range(T))
                C[i, j] = np.tanh(total / np.sqrt(d))
        H = np.zeros((T, d))
        for t in range(T):
            for j in range(d):
                total = sum((sum(x[t, i] * W_c[i, r] for i in range(d_m)) + b_c[r]) * C[r, j] for r in range(d_m))
                H[t, j] = max(0.0, np.tanh(total) if extras.tanh_attention else total)
        update = np.array([[sum(H[t] * W_h[:, i]) + b_h[i] for i in range(d_m)] for t in range(T)])
        attended.append(x + (np.maximum(update, 0) if extras.relu_residual else update))
    return attended


@pytest.mark.parametrize("extras", [AS_PRINTED, EVERYTHING], ids=["as printed", "extras"])
def test_one_iteration_equals_the_equations(extras: Extras) -> None:
    module = block(extras)
    x_a, x_v = audio_visual()
    with torch.no_grad():
        x_att_a, x_att_v = module(x_a, x_v)
    for i in range(3):
        expected_a, expected_v = equations(state(module), x_a[i].numpy(), x_v[i].numpy(), extras)
        np.testing.assert_allclose(x_att_a[i].numpy(), expected_a, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(x_att_v[i].numpy(), expected_v, rtol=1e-10, atol=1e-12)
    assert (x_att_a - x_a).abs().max() > 0.01


def test_it_holds_exactly_the_papers_weights() -> None:
    assert {name: tuple(p.shape) for name, p in block().named_parameters()} == {
        "W_ja": (T, T),
        "W_jv": (T, T),
        "W_ca": (D_A, D_A),
        "W_cv": (D_V, D_V),
        "W_ha": (D_A + D_V, D_A),
        "W_hv": (D_A + D_V, D_V),
    }


def test_an_untrained_iteration_is_the_identity() -> None:
    module = JointCrossAttention(d_a=D_A, d_v=D_V, length=T).double()
    x_a, x_v = audio_visual()
    x_att_a, x_att_v = module(x_a, x_v)
    assert torch.equal(x_att_a, x_a)
    assert torch.equal(x_att_v, x_v)


def test_dropout_falls_on_the_residual_branch_alone() -> None:
    module = block(Extras(residual_dropout=0.5)).train()
    x_a, x_v = audio_visual()
    with torch.no_grad():
        x_att_a, _ = module(x_a, x_v)
        update = module.eval()(x_a, x_v)[0] - x_a
    dropped = (x_att_a - x_a).abs() < 1e-12
    kept = ~dropped & (update.abs() > 1e-12)
    assert 0.2 < dropped.double().mean() < 0.8
    torch.testing.assert_close((x_att_a - x_a)[kept], 2 * update[kept])


@pytest.mark.parametrize("which", ["audio", "visual"])
def test_another_length_is_refused_with_both_numbers(which: str) -> None:
    x_a, x_v = audio_visual()
    short = {"audio": (x_a[:, :7], x_v), "visual": (x_a, x_v[:, :7])}[which]
    with pytest.raises(ValueError, match="windows of 9 frames, got 7 frames"):
        block()(*short)


@pytest.mark.parametrize("iterations", [1, 3])
def test_recursion_is_the_block_again_with_weights_of_its_own(iterations: int) -> None:
    torch.manual_seed(0)
    system = past_the_start(RecursiveAttention(d_a=D_A, d_v=D_V, length=T, iterations=iterations).double().eval())
    x_a, x_v = audio_visual()
    expected = [(x_a, x_v)]
    with torch.no_grad():
        for step in system.steps:
            module = block(seed=99)
            module.load_state_dict(step.state_dict())
            expected.append(module(*expected[-1]))
        trail = system.attend(x_a, x_v)
    assert len(trail) == iterations + 1
    for got, wanted in zip(trail, expected, strict=True):
        assert torch.equal(got[0], wanted[0])
        assert torch.equal(got[1], wanted[1])
    weights = [parameter.data_ptr() for name, parameter in system.named_parameters() if name.endswith("W_ja")]
    assert len(set(weights)) == iterations


def test_with_biases_masked_frames_stay_out_of_later_iterations() -> None:
    torch.manual_seed(0)
    system = RecursiveAttention(
        d_a=D_A, d_v=D_V, length=T, iterations=2, bias=True, tanh_attention=True, relu_residual=True
    ).double()
    for parameter in system.steps.parameters():
        parameter.data += 0.2
    mask = WHOLE.clone()
    mask[:, -2:] = False
    x_a, x_v = (x.masked_fill(~mask.unsqueeze(-1), 0.0) for x in audio_visual())
    for after in system.attend(x_a, x_v, mask)[1:]:
        assert not any(got[~mask].any() for got in after)
    assert system.attend(x_a, x_v)[-1][0][~mask].any()


@pytest.mark.parametrize(("d_a", "d_v", "length"), [(0, 6, 9), (4, -1, 9), (4, 6, 0)])
def test_sizes_must_be_positive(d_a: int, d_v: int, length: int) -> None:
    with pytest.raises(ValueError, match=f"got {d_a}, {d_v} and {length}"):
        JointCrossAttention(d_a=d_a, d_v=d_v, length=length)
