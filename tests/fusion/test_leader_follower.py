import numpy as np
import torch

from tests.fusion.factory import MASK, WHOLE, Array, build, state, window


def equations(state: dict[str, Array], x: dict[str, Array], *, width: int, heads: int) -> tuple[Array, Array]:
    """One frame: x holds one vector per modality, in order."""
    Q, K, V = {}, {}, {}
    for role, vector in x.items():
        projected = state[f"projections.{role}.weight"] @ vector + state[f"projections.{role}.bias"]
        Q[role], K[role], V[role] = projected[:width], projected[width : 2 * width], projected[2 * width :]
    d_k, attended = width // heads, []
    for role in x:
        for head in range(heads):
            part = slice(head * d_k, (head + 1) * d_k)
            weights = np.array([np.exp(Q[role][part] @ K[other][part] / np.sqrt(d_k)) for other in x])
            weights /= weights.sum()
            attended.append(sum(w * V[other][part] for w, other in zip(weights, x, strict=True)) + V[role][part])
    y = state["merge.0.weight"] @ np.concatenate(attended) + state["merge.0.bias"]
    y = (y - y.mean()) / np.sqrt(y.var() + 1e-5)
    y = y * state["merge.2.weight"] + state["merge.2.bias"]
    features = np.concatenate([x["visual"], y])
    tanh = np.tanh(state["head.mlp.0.weight"] @ features + state["head.mlp.0.bias"])
    return features, np.array([0.0, 5.0]) + np.array([1.0, 5.0]) * tanh


def test_it_equals_the_published_steps_frame_by_frame() -> None:
    model, streams = build("leader_follower", width=12, heads=3), window("leader_follower")
    with torch.no_grad():
        model.get_parameter("system.merge.2.weight").uniform_(0.5, 1.5)
        output = model(streams, WHOLE)
    for b in range(3):
        for t in range(9):
            frame = {role: x[b, t].numpy() for role, x in streams.items()}
            features, predictions = equations(state(model), frame, width=12, heads=3)
            np.testing.assert_allclose(output.features[b, t].numpy(), features, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(output.predictions[b, t].numpy(), predictions, rtol=1e-9)


def test_widths_as_published() -> None:
    model = build("leader_follower")
    output = model(window("leader_follower"), MASK)
    assert output.features.shape[-1] == 6 + 3 * 32
    assert output.attention["modalities"].shape == (3, 9, 2, 3, 3)
    sums = output.attention["modalities"].sum(dim=-1)
    torch.testing.assert_close(sums, torch.ones_like(sums))


def test_frames_never_meet() -> None:
    model = build("leader_follower")
    streams = {role: x.requires_grad_() for role, x in window("leader_follower").items()}
    for gradient in torch.autograd.grad(model(streams, WHOLE).predictions[1, 4].sum(), list(streams.values())):
        assert gradient.abs().sum(dim=-1).nonzero().tolist() == [[1, 4]]
