import numpy as np
import pytest
import torch

from tests.fusion.factory import MASK, WIDTHS, build, head, state


@pytest.mark.parametrize("role", ["visual", "audio"])
def test_it_is_the_head_on_one_stream(role: str) -> None:
    model = build("unimodal", roles=(role,))
    x = torch.randn(3, 9, WIDTHS[role], dtype=torch.float64)
    with torch.no_grad():
        output = model({role: x}, MASK)
    features = x.numpy() * MASK.numpy()[..., None]
    assert np.array_equal(output.features.numpy(), features)
    np.testing.assert_allclose(output.predictions.numpy(), head(state(model), features), rtol=1e-10)
    assert output.attention == {}
