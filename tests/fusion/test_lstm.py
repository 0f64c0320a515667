import numpy as np
import torch

from tests.fusion.factory import MASK, WHOLE, Array, build, head, state, window


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def layer(state: dict[str, Array], x: Array, level: int) -> Array:
    """One LSTM layer over (t, d), a frame at a time."""
    W, U, b, c = (state[f"lstm.{name}_l{level}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h = cell = np.zeros(U.shape[1])
    out = []
    for frame in x:
        i, f, g, o = np.split(W @ frame + b + U @ h + c, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(cell)
        out.append(h)
    return np.array(out)


def test_it_equals_two_layers_written_as_loops() -> None:
    model, streams = build("lstm", width=7), window("lstm")
    with torch.no_grad():
        output = model(streams, MASK)
    for i in range(3):
        x = np.where(MASK[i].numpy()[:, None], np.hstack([streams["visual"][i], streams["audio"][i]]), 0)
        features = layer(state(model), layer(state(model), x, 0), 1)
        np.testing.assert_allclose(output.features[i].numpy(), features, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(output.predictions[i].numpy(), head(state(model), features), rtol=1e-9)


def test_nothing_leaks_from_the_future() -> None:
    model = build("lstm")
    streams = {role: x.requires_grad_() for role, x in window("lstm").items()}
    for gradient in torch.autograd.grad(model(streams, WHOLE).predictions[0, 4].sum(), list(streams.values())):
        assert gradient[0].abs().sum(dim=-1).nonzero().flatten().tolist() == [0, 1, 2, 3, 4]


def test_layers() -> None:
    names = state(build("lstm", layers=3))
    assert "lstm.weight_hh_l2" in names
    assert "lstm.weight_hh_l3" not in names
