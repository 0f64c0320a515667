import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.backbones import ir50
from pipeline.backbones.common.drawn_faces import draw_faces
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.ir50 import inference
from pipeline.backbones.ir50.inference import FoldedIR50, FoldedUnit, packs
from pipeline.backbones.ir50.network import Unit

CPU = torch.device("cpu")


@pytest.fixture(params=["packed", "plain"])
def packed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways through a convolution: oneDNN's layout, and that of processors without bfloat16 and of GPUs."""
    if request.param == "packed" and not packs():
        pytest.skip("this processor has no instructions for bfloat16")
    monkeypatch.setattr(inference, "packs", lambda: request.param == "packed")
    return bool(request.param == "packed")


def unlike_the_start(module: nn.Module) -> nn.Module:
    """Give norms and slopes numbers that matter: shifts of the size of the signal, above all."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm2d):
                for tensor in (norm.running_mean, norm.bias):
                    assert tensor is not None
                    tensor.copy_(torch.randn(len(tensor), generator=random))
                assert norm.running_var is not None
                norm.running_var.copy_(torch.rand(len(norm.running_var), generator=random) + 0.5)
                norm.weight.copy_(torch.rand(len(norm.weight), generator=random) + 0.5)
            elif isinstance(norm, nn.PReLU):
                norm.weight.copy_(torch.rand(len(norm.weight), generator=random))
    return module.eval()


@pytest.mark.parametrize(("width", "depth", "stride"), [(16, 16, 1), (16, 32, 2), (16, 16, 2), (16, 32, 1)])
@torch.inference_mode()
def test_a_folded_unit_is_the_unit_at_the_border_too(packed: bool, width: int, depth: int, stride: int) -> None:
    torch.manual_seed(0)
    unit = unlike_the_start(Unit(width=width, depth=depth, stride=stride))
    x = torch.randn(3, width, 9, 9)
    expected = unit(x)
    folded = FoldedUnit(unit, size=9, device=CPU)
    found = folded(x.to(torch.bfloat16, memory_format=torch.channels_last)).float()
    assert found.shape == expected.shape
    error = (found - expected).abs()
    assert error.mean() < 0.01 * expected.std()
    assert error[..., 0, :].mean() < 0.01 * expected.std()
    # What folding the shift into a bias would give: wrong at the border, and far above the rounding.
    constant = folded.edges[..., 4:5, 4:5].expand_as(folded.edges)
    folded.edges = constant.contiguous(memory_format=torch.channels_last)
    wrong = folded(x.to(torch.bfloat16, memory_format=torch.channels_last)).float()
    assert (wrong - expected)[..., 0, :].abs().mean() > 5 * error[..., 0, :].mean()


@pytest.mark.slow
@torch.inference_mode()
def test_embeddings_keep_their_direction(packed: bool, random_ir50: ir50.IR50) -> None:
    faces = torch.from_numpy(draw_faces(40, size=40, reach=40 / 48, per_identity=4, seed=9))
    expected = random_ir50(faces)
    folded = ir50.build(Weights()).for_inference(CPU, torch.bfloat16)
    assert isinstance(folded, FoldedIR50)
    found: Tensor = folded(faces.to(torch.bfloat16))
    assert found.dtype == torch.float32
    assert functional.cosine_similarity(found, expected).min() > 0.999
    # Neither is it the uniform part of all faces that agrees.
    mean = expected.mean(dim=0)
    assert functional.cosine_similarity(found - mean, expected - mean).min() > 0.99
    assert not torch.equal(found, expected)


def test_float32_keeps_the_network_as_it_is() -> None:
    network = ir50.IR50()
    assert network.for_inference(CPU, torch.float32) is network
    assert not any(parameter.requires_grad for parameter in network.parameters())
