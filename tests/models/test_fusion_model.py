from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.system import Fused, FusionSystem
from pipeline.models.fusion_model import FusionModel
from pipeline.temporal.identity import Identity


class Side(FusionSystem):
    """The streams side by side, and the mask."""

    def __init__(self, *, widths: Mapping[str, int], length: int) -> None:
        super().__init__()
        self.out_features = sum(widths.values())

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        return torch.cat(list(x.values()), dim=-1), {"mask": mask}


@pytest.fixture
def model() -> FusionModel:
    torch.manual_seed(0)
    encoders = {"visual": nn.Linear(5, 3), "audio": Identity(in_features=2)}
    system = Side.for_streams(widths={"visual": 3, "audio": 2}, length=4)
    return FusionModel(encoders=encoders, system=system, head=system.build_head(ranges=[(0.0, 1.0)])).eval()


def test_each_stream_goes_through_its_own_encoder(model: FusionModel) -> None:
    streams = {"audio": torch.randn(2, 4, 2), "visual": torch.randn(2, 4, 5)}
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    encoded = model.encode(streams, mask)
    assert list(encoded) == ["visual", "audio"]
    assert torch.equal(encoded["visual"][mask], model.encoders["visual"](streams["visual"])[mask])
    assert torch.equal(encoded["audio"][mask], streams["audio"][mask])
    assert not encoded["visual"][~mask].any()


def test_system_and_head_follow(model: FusionModel) -> None:
    streams = {"audio": torch.randn(2, 4, 2), "visual": torch.randn(2, 4, 5)}
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    output = model(streams, mask)
    assert torch.equal(output.features, torch.cat(list(model.encode(streams, mask).values()), dim=-1))
    assert torch.equal(output.predictions, model.head(output.features))
    assert output.attention["mask"] is mask


def test_the_state_dict_names_the_parts(model: FusionModel) -> None:
    names = {name.partition(".mlp.")[0] for name in model.state_dict()}
    assert names == {"encoders.visual.weight", "encoders.visual.bias", "head"}


@pytest.mark.parametrize(
    ("audio", "mask", "message"),
    [
        (torch.zeros(2, 4, 2), torch.ones(2, 4), "boolean of shape .* got torch.float32"),
        (torch.zeros(2, 4, 2), torch.ones(8, dtype=torch.bool), r"got torch.bool of shape \(8,\)"),
        (torch.zeros(2, 4, 3), torch.ones(2, 4, dtype=torch.bool), r"'audio' .*\(2, 4, 3\).* ask for \(2, 4, 2\)"),
        (torch.zeros(2, 5, 2), torch.ones(2, 4, dtype=torch.bool), r"'audio' .*\(2, 5, 2\).* ask for \(2, 4, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(model: FusionModel, audio: Tensor, mask: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model({"visual": torch.zeros(2, 4, 5), "audio": audio}, mask)


@pytest.mark.parametrize("roles", [["visual"], ["visual", "audio", "text"]])
def test_streams_that_the_model_was_not_built_for_are_named(model: FusionModel, roles: list[str]) -> None:
    with pytest.raises(ValueError, match="the model reads the streams") as caught:
        model({role: torch.zeros(2, 4, 5) for role in roles}, torch.ones(2, 4, dtype=torch.bool))
    assert str(roles) in str(caught.value)
