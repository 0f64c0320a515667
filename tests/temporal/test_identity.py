import pytest
import torch

from pipeline.temporal.identity import ENCODER


def test_features_pass_unchanged() -> None:
    encoder = ENCODER(in_features=5)
    x = torch.randn(2, 7, 5)
    assert torch.equal(encoder(x), x)
    assert encoder.out_features == 5
    assert encoder.receptive_field == 1
    assert not list(encoder.parameters())


def test_a_width_must_be_positive() -> None:
    with pytest.raises(ValueError, match="got 0"):
        ENCODER(in_features=0)
