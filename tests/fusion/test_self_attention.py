import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.fusion.factory import MASK, Array, build, head, state, window


def attend(state: dict[str, Array], role: str, x: Array, frames: npt.NDArray[np.intp], heads: int) -> Array:
    """X + softmax(Q K' / sqrt(d_k)) V over `frames`, for one window (t, d_m)."""
    Q, K, V = (x @ state[f"attention.{role}.{name}.weight"].T for name in ("query", "key", "value"))
    d_k = x.shape[1] // heads
    out = x.copy()
    for h in range(heads):
        part = slice(h * d_k, (h + 1) * d_k)
        for t in range(len(x)):
            weights = np.exp(K[frames, part] @ Q[t, part] / np.sqrt(d_k))
            out[t, part] += weights @ V[frames, part] / weights.sum()
    return out


@pytest.mark.parametrize("heads", [1, 2])
def test_it_equals_attention_written_as_loops(heads: int) -> None:
    model, streams = build("self_attention", heads=heads), window("self_attention")
    with torch.no_grad():
        output = model(streams, MASK)
    for i in range(3):
        frames = MASK[i].numpy().nonzero()[0]
        zeroed = {role: np.where(MASK[i].numpy()[:, None], x[i].numpy(), 0) for role, x in streams.items()}
        features = np.hstack([attend(state(model), role, x, frames, heads) for role, x in zeroed.items()])
        np.testing.assert_allclose(output.features[i].numpy(), features, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(output.predictions[i].numpy(), head(state(model), features), rtol=1e-9)


def test_modalities_meet_in_the_head_alone() -> None:
    model, streams = build("self_attention"), window("self_attention")
    before = model(streams, MASK).features
    after = model(streams | {"audio": streams["audio"] + 1}, MASK).features
    assert torch.equal(before[..., :6], after[..., :6])  # visual comes first in this model
    assert not torch.equal(before[..., 6:], after[..., 6:])


def test_maps_are_distributions_over_existing_frames() -> None:
    maps = build("self_attention", heads=2)(window("self_attention"), MASK).attention
    assert set(maps) == {"visual", "audio"}
    for weights in maps.values():
        assert weights.shape == (3, 2, 9, 9)
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(3, 2, 9, dtype=torch.float64))
        assert not weights.transpose(1, 3)[~MASK].any()
