import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.fusion.factory import MASK, Array, build, state, window

RANGES = np.array([[-1.0, 1.0], [0.0, 10.0]])


def equations(
    state: dict[str, Array], x: dict[str, Array], frames: npt.NDArray[np.intp], *, bounded: bool
) -> tuple[Array, Array]:
    """Equations 8 to 15 for one window, with one head."""
    parts = [x["visual"]]
    for role in ("audio", "audio_2"):
        W_q, W_k, W_v = (state[f"attention.{role}.{name}.weight"] for name in ("query", "key", "value"))
        rows = []
        for frame in x["visual"]:
            weights = np.exp((x[role][frames] @ W_k.T) @ (W_q @ frame) / np.sqrt(len(W_k)))
            rows.append(weights / weights.sum() @ (x[role][frames] @ W_v.T))  # 8 to 10
        parts.append(np.array(rows))
    features = np.hstack(parts)  # 11
    mean, variance = features.mean(axis=1, keepdims=True), features.var(axis=1, keepdims=True)
    y = (features - mean) / np.sqrt(variance + 1e-5) * state["head.norm.weight"] + state["head.norm.bias"]  # 12
    y = y @ state["head.linear1.weight"].T + state["head.linear1.bias"]
    y = y * 0.5 * (1 + np.vectorize(math.erf)(y / np.sqrt(2)))  # 13; 14 is dropout
    y = y @ state["head.linear2.weight"].T + state["head.linear2.bias"]  # 15
    y = np.tanh(y) if bounded else y
    return features, RANGES.mean(axis=1) + (RANGES[:, 1] - RANGES[:, 0]) / 2 * y


@pytest.mark.parametrize("bounded", [False, True])
def test_it_equals_the_papers_equations(bounded: bool) -> None:
    model, streams = build("cross_modal_attention", width=12, bounded=bounded), window("cross_modal_attention")
    with torch.no_grad():
        output = model(streams, MASK)
    for i in range(3):
        zeroed = {role: np.where(MASK[i].numpy()[:, None], x[i].numpy(), 0) for role, x in streams.items()}
        features, predictions = equations(state(model), zeroed, MASK[i].numpy().nonzero()[0], bounded=bounded)
        np.testing.assert_allclose(output.features[i].numpy(), features, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(output.predictions[i].numpy(), predictions, rtol=1e-9)


def test_one_audio_stream_is_enough() -> None:
    model = build("cross_modal_attention", roles=("visual", "audio"), width=12)
    streams = window("cross_modal_attention")
    output = model({role: streams[role] for role in ("visual", "audio")}, MASK)
    assert output.features.shape == (3, 9, 6 + 12)
    assert set(output.attention) == {"audio"}


def test_the_order_of_the_streams_does_not_move_vision_from_the_front() -> None:
    model = build("cross_modal_attention", roles=("audio", "visual", "audio_2"))
    streams = window("cross_modal_attention")
    features = model(streams, MASK).features
    torch.testing.assert_close(features[..., :6], streams["visual"].masked_fill(~MASK.unsqueeze(-1), 0.0))
