import numpy as np
import pytest
import torch

from tests.fusion.factory import MASK, WIDTHS, build, head, state


@pytest.mark.parametrize("roles", [("visual", "audio"), ("audio", "audio_2", "visual")])
def test_it_is_one_layer_on_the_concatenated_streams(roles: tuple[str, ...]) -> None:
    model = build("concatenation", roles=roles, width=7)
    streams = {role: torch.randn(3, 9, WIDTHS[role], dtype=torch.float64) for role in sorted(roles)}
    with torch.no_grad():
        output = model(streams, MASK)
    joint = np.concatenate([streams[role].numpy() for role in roles], axis=-1) * MASK.numpy()[..., None]
    parameters = state(model)
    features = np.maximum(joint @ parameters["fully_connected.0.weight"].T + parameters["fully_connected.0.bias"], 0)
    np.testing.assert_allclose(output.features.numpy(), features, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(output.predictions.numpy(), head(parameters, features), rtol=1e-10)
    assert output.attention == {}
