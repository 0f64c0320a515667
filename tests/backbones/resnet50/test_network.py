from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pipeline.backbones import resnet50
from pipeline.backbones.common.drawn_faces import draw_pictures
from pipeline.backbones.common.imagenet import normalise
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.resnet50 import ResNet50
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import sha256_file
from tests.backbones.clips import make_clip
from tests.backbones.layouts import checkpoint, parameters, picture, resnet, shapes
from tests.backbones.networks import channels_last
from tests.backbones.randomness import misfit, same, spread
from tests.golden.checkpoint import GOLDEN

CPU = torch.device("cpu")
LAYOUT = resnet(bottleneck=True, counts=(3, 4, 6, 3), channels=3)


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return checkpoint(LAYOUT)


@pytest.fixture(scope="module")
def network() -> ResNet50:
    return channels_last(resnet50.build(Weights()))


def test_names_shapes_and_number_of_parameters() -> None:
    with torch.device("meta"):
        own = shapes(ResNet50().state_dict())
    assert own == {key: shape for key, shape in LAYOUT.items() if not key.startswith("fc.")}
    assert len(LAYOUT) == 320
    assert parameters(LAYOUT) == 25_557_032
    assert parameters(own) == 23_508_032


def test_published_weights_give_the_published_embeddings(published: dict[str, torch.Tensor]) -> None:
    expected = np.load(GOLDEN / "networks.npz")["resnet50"]
    with torch.inference_mode():
        embeddings = ResNet50.from_published(published)(picture(2, 3, 48, 48))
    assert embeddings.shape == (2, resnet50.DIMENSION) == expected.shape
    np.testing.assert_allclose(embeddings, expected, rtol=0, atol=1e-4)


def test_the_classifier_is_left_out_whatever_its_size(published: dict[str, torch.Tensor]) -> None:
    faces = picture(1, 3, 48, 48)
    without = {key: value for key, value in published.items() if not key.startswith("fc.")}
    others = without | {"fc.weight": torch.zeros(8631, 2048), "fc.bias": torch.zeros(8631)}
    with torch.inference_mode():
        expected = ResNet50.from_published(published)(faces)
        for given in (without, others):
            assert torch.equal(ResNet50.from_published(given)(faces), expected)


def test_a_checkpoint_of_ir50_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit ResNet-50") as error:
        ResNet50.from_published({"backbone.input_layer.0.weight": torch.zeros(64, 3, 3, 3)})
    assert "unexpected backbone.input_layer.0.weight" in str(error.value)
    assert "missing layer4.2.bn3.weight, of shape (2048,)" in str(error.value)


def test_a_file_is_loaded(tmp_path: Path, published: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "resnet50.safetensors"
    save_file(published, path)
    loaded = resnet50.build(Weights(path=path, sha256=sha256_file(path)))
    assert same(loaded.state_dict(), ResNet50.from_published(published).state_dict())
    assert not loaded.training


def test_random_weights_come_from_their_seed(network: ResNet50) -> None:
    assert same(network.state_dict(), resnet50.build(Weights()).state_dict())
    assert not torch.equal(network.conv1.weight, resnet50.build(Weights(seed=1)).conv1.weight)


def test_random_weights_tell_faces_apart(network: ResNet50) -> None:
    faces = normalise(draw_pictures(24, size=48, seed=99))
    assert all(abs(mean) < 0.5 and 0.5 < deviation < 2 for mean, deviation in misfit(network, faces).values())
    with torch.inference_mode():
        assert spread(network(faces)) > 0.2


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_every_frame_gets_its_own_face(network: ResNet50, batch: int) -> None:
    clip = make_clip(frames=12)
    rows = resnet50.embed(network, clip, batch=batch, device=CPU)
    assert (rows.shape, rows.dtype) == ((12, 2048), np.float32)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    scaled = ((clip.faces / 255 - mean) / deviation).transpose(0, 3, 1, 2).astype(np.float32)
    with torch.inference_mode():
        expected = np.concatenate([network(torch.from_numpy(face[None])).numpy() for face in scaled])
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(resnet50.valid(clip), clip.face_valid)


def test_crops_of_any_size_will_do(network: ResNet50) -> None:
    clip = make_clip(frames=3, faces=np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8))
    assert resnet50.embed(network, clip, batch=2, device=CPU).shape == (3, 2048)
