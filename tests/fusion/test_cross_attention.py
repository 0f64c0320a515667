import numpy as np
import pytest
import torch

from tests.fusion.factory import WHOLE, Array, build, head, state, window


def in_columns(state: dict[str, Array], x_a: Array, x_v: Array) -> tuple[Array, Array, Array]:
    """The poster's equations as printed, for one window: X_m (K, t), frames in columns."""
    X_a, X_v = (
        (x @ state[f"project_{m}.weight"].T + state[f"project_{m}.bias"]).T if f"project_{m}.weight" in state else x.T
        for m, x in (("a", x_a), ("v", x_v))
    )
    Z = X_a.T @ state["W"] @ X_v  # 1

    def columns(Z: Array) -> Array:
        return np.array([np.exp(column) / np.exp(column).sum() for column in Z.T]).T

    A_a, A_v = columns(Z), columns(Z.T)
    X_att_a = np.tanh(X_a + X_a @ A_a)  # 2, 3
    X_att_v = np.tanh(X_v + X_v @ A_v)  # 2, 4
    return np.vstack([X_att_v, X_att_a]).T, A_a, A_v  # 5


@pytest.mark.parametrize("width", [5, 6])
def test_it_equals_the_posters_equations(width: int) -> None:
    model, streams = build("cross_attention", width=width), window("cross_attention")
    with torch.no_grad():
        output = model(streams, WHOLE)
    for i in range(3):
        features, A_a, A_v = in_columns(state(model), streams["audio"][i].numpy(), streams["visual"][i].numpy())
        np.testing.assert_allclose(output.features[i].numpy(), features, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(output.attention["audio"][i].numpy(), A_a, rtol=1e-10)
        np.testing.assert_allclose(output.attention["visual"][i].numpy(), A_v, rtol=1e-10)
        np.testing.assert_allclose(output.predictions[i].numpy(), head(state(model), features), rtol=1e-10)
    assert state(model)["W"].shape == (width, width)


def test_a_padded_window_equals_the_window_without_its_padding() -> None:
    model, streams = build("cross_attention"), window("cross_attention")
    mask = WHOLE.clone()
    mask[:, 6:] = False
    with torch.no_grad():
        padded = model(streams, mask)
        cut = model({role: x[:, :6] for role, x in streams.items()}, mask[:, :6])
    torch.testing.assert_close(padded.predictions[:, :6], cut.predictions)
    torch.testing.assert_close(padded.attention["audio"][:, :6, :6], cut.attention["audio"])
    assert not padded.attention["audio"][:, 6:].any()
    assert not padded.attention["visual"][:, 6:].any()


def test_streams_of_the_common_width_are_not_projected() -> None:
    names = {name for name, _ in build("cross_attention", width=6).system.named_parameters()}
    assert names == {"W", "project_a.weight", "project_a.bias"}  # the visual stream has 6 features already
