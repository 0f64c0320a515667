import numpy as np
import torch

from pipeline.fusion.blocks.matrices import affine, xavier, zeros


def test_xavier_is_uniform_to_its_limit() -> None:
    torch.manual_seed(0)
    weight = xavier(200, 100).detach().numpy()
    limit = np.sqrt(6 / 300)
    assert weight.shape == (200, 100)
    assert np.abs(weight).max() <= limit
    np.testing.assert_allclose(np.quantile(weight, [0.25, 0.5, 0.75]), [-limit / 2, 0, limit / 2], atol=0.02 * limit)


def test_affine_is_rows_times_columns_and_bias() -> None:
    x, W, b = (torch.randn(*shape, dtype=torch.float64) for shape in ((2, 3, 4), (4, 5), (5,)))
    expected = np.einsum("btr,rc->btc", x.numpy(), W.numpy())
    np.testing.assert_allclose(affine(x, W, None).numpy(), expected)
    np.testing.assert_allclose(affine(x, W, b).numpy(), expected + b.numpy())
    assert not zeros(3).any()
