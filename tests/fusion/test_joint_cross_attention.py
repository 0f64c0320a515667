import numpy as np
import torch

from pipeline.fusion.joint_cross_attention import RecursiveJointCrossAttention
from tests.fusion.factory import WHOLE, build, head, state, window


def test_it_is_the_head_of_the_last_attended_features() -> None:
    model, streams = build("joint_cross_attention", iterations=2), window("joint_cross_attention")
    assert isinstance(model.system, RecursiveJointCrossAttention)
    with torch.no_grad():
        output = model(streams, WHOLE)
        fused = model.system.fuse(streams["audio"], streams["visual"])
        last = model.system.attend(streams["audio"], streams["visual"])[2]
    assert all(torch.equal(got, expected) for got, expected in zip(fused, last, strict=True))
    assert torch.equal(output.features, torch.cat(fused, dim=-1))
    np.testing.assert_allclose(output.predictions.numpy(), head(state(model), output.features.numpy()), rtol=1e-10)
    assert output.attention == {}


def test_it_is_constructed_from_its_widths_and_length() -> None:
    system = RecursiveJointCrossAttention(d_a=4, d_v=6, length=9, iterations=3)
    assert len(system.steps) == 3
    assert system.out_features == 10
