import pytest
import torch
from torch import nn

from pipeline.fusion.blocks.streams import StreamEncoders, require_roles


@pytest.fixture
def encoders() -> StreamEncoders:
    torch.manual_seed(0)
    return StreamEncoders(
        encoders={"visual": nn.Linear(5, 3), "audio": nn.Identity()}, widths={"audio": 2, "visual": 3}
    )


def test_each_stream_goes_through_its_own_encoder(encoders):
    streams = {"audio": torch.randn(2, 4, 2), "visual": torch.randn(2, 4, 5)}
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    encoded = encoders(streams, mask)
    assert list(encoded) == list(encoders.widths) == ["visual", "audio"]
    assert torch.equal(encoded["visual"][mask], encoders["visual"](streams["visual"])[mask])
    assert torch.equal(encoded["audio"][mask], streams["audio"][mask])
    assert not encoded["visual"][~mask].any()
    assert set(encoders.state_dict()) == {"visual.weight", "visual.bias"}


@pytest.mark.parametrize(
    ("audio", "mask", "message"),
    [
        (torch.zeros(2, 4, 2), torch.ones(2, 4), "boolean of shape .* got torch.float32"),
        (torch.zeros(2, 4, 2), torch.ones(8, dtype=torch.bool), r"got torch.bool of shape \(8,\)"),
        (torch.zeros(2, 4, 3), torch.ones(2, 4, dtype=torch.bool), r"'audio' .*\(2, 4, 3\).* ask for \(2, 4, 2\)"),
        (torch.zeros(2, 5, 2), torch.ones(2, 4, dtype=torch.bool), r"'audio' .*\(2, 5, 2\).* ask for \(2, 4, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(encoders, audio, mask, message):
    with pytest.raises(ValueError, match=message):
        encoders({"visual": torch.zeros(2, 4, 5), "audio": audio}, mask)


@pytest.mark.parametrize("widths", [{"visual": 3}, {"visual": 3, "audio": 0}, {"visual": 3, "text": 2}])
def test_every_encoder_needs_a_width(widths):
    with pytest.raises(ValueError, match="one positive width each"):
        StreamEncoders(encoders={"visual": nn.Identity(), "audio": nn.Identity()}, widths=widths)


def test_roles_that_fit_pass():
    require_roles("x", ["audio"], others=(1, 1))
    require_roles("x", ["audio", "visual"], needs=("visual",), others=(1, None))
    require_roles("x", ["audio", "visual"], needs=("visual", "audio"), others=(0, 0))


@pytest.mark.parametrize(
    ("got", "needs", "others", "message"),
    [
        ([], (), (1, 1), "x needs 1 of any role and nothing else; got []"),
        (["audio"], (), (2, None), "x needs at least 2 of any role; got ['audio']"),
        (["audio"], ("audio", "visual"), (0, 0), "x needs 'audio' and 'visual' and nothing else; got ['audio']"),
        (["visual"], ("visual",), (1, None), "x needs 'visual' and at least 1 other; got ['visual']"),
    ],
)
def test_roles_that_do_not_fit_are_named(got, needs, others, message):
    with pytest.raises(ValueError, match="needs") as caught:
        require_roles("x", got, needs=needs, others=others)
    assert str(caught.value) == message.replace("x needs ", "x needs these streams: ")
