import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from pipeline.fusion.blocks.attention import TimeAttention, masked_softmax


def attention(heads: int = 1) -> TimeAttention:
    torch.manual_seed(0)
    return TimeAttention(d_query=5, d_key=3, width=8, heads=heads).double()


def window() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    queries = torch.randn(2, 7, 5, generator=generator, dtype=torch.float64)
    keys = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    return queries, keys, mask


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_it_equals_loops_over_frames(heads: int) -> None:
    module = attention(heads)
    queries, keys, mask = window()
    with torch.no_grad():
        attended, weights = module(queries, keys, mask)
        for b in range(2):
            frames = mask[b].nonzero().flatten().tolist()
            for t in range(7):
                for h in range(heads):
                    part = slice(h * 8 // heads, (h + 1) * 8 // heads)
                    q = (module.query.weight @ queries[b, t])[part]
                    k = {s: (module.key.weight @ keys[b, s])[part] for s in frames}
                    v = {s: (module.value.weight @ keys[b, s])[part] for s in frames}
                    score = {s: math.exp(float(q @ k[s]) / math.sqrt(8 // heads)) for s in frames}
                    expected = sum(score[s] * v[s] for s in frames) / sum(score.values())
                    torch.testing.assert_close(attended[b, t, part], expected)
                    for s in range(7):
                        assert float(weights[b, h, t, s]) == pytest.approx(score.get(s, 0.0) / sum(score.values()))


@pytest.mark.parametrize("heads", [1, 4])
def test_it_equals_the_libraries_attention(heads: int) -> None:
    module = attention(heads)
    queries, keys, mask = window()
    Q, K, V = (
        layer(x).view(2, 7, heads, -1).transpose(1, 2)
        for layer, x in ((module.query, queries), (module.key, keys), (module.value, keys))
    )
    expected = functional.scaled_dot_product_attention(Q, K, V, attn_mask=mask[:, None, None, :])
    torch.testing.assert_close(module(queries, keys, mask)[0], expected.transpose(1, 2).reshape(2, 7, 8))


def test_masked_scores_get_no_weight_whatever_they_are() -> None:
    scores = torch.tensor([[1.0, 1e30, 2.0], [-1e30, 0.0, -1e30]])
    weights = masked_softmax(scores, torch.tensor([[True, False, True]]), dim=1)
    torch.testing.assert_close(weights[0], torch.tensor([0.26894142, 0.0, 0.73105858]))
    torch.testing.assert_close(weights[1], torch.tensor([0.5, 0.0, 0.5]))
    assert masked_softmax(scores, torch.zeros(1, 3, dtype=torch.bool), dim=1).isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, "got 3 heads for width 8"),
        ({"heads": 0}, "got 0 heads"),
        ({"width": 0}, "width=0"),
        ({"d_key": 0}, "d_key=0"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TimeAttention(**({"d_query": 5, "d_key": 3, "width": 8} | options))
