from itertools import pairwise

import numpy as np
import pytest
import torch

from pipeline.backbones.cnn2d_audio import SpectrogramCNN
from pipeline.backbones.cnn2d_visual import PictureCNN
from pipeline.backbones.common.vgg import LAYERS
from pipeline.runtime.errors import InputError
from tests.backbones.layouts import checkpoint, parameters, picture, shapes, vgg11_bn
from tests.golden.checkpoint import GOLDEN

LAST_BLOCK = ("classifier.", "features.22.", "features.23.", "features.25.", "features.26.")


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return checkpoint(vgg11_bn(), empty=LAST_BLOCK)


@pytest.mark.parametrize(("cls", "channels"), [(PictureCNN, 3), (SpectrogramCNN, 1)])
def test_names_and_shapes_are_the_first_four_blocks_of_the_published_network(
    cls: type[PictureCNN] | type[SpectrogramCNN], channels: int
) -> None:
    with torch.device("meta"):
        own = shapes(cls().state_dict())
    layout = vgg11_bn(channels=channels)
    assert own == {key: shape for key, shape in layout.items() if not key.startswith(LAST_BLOCK)}
    assert len(own) == 42
    # The 3 x 3 weights and a bias of each of six convolutions, scale and shift of each norm.
    widths = (channels, 64, 128, 256, 256, 512, 512)
    counted = sum(9 * i * o + 3 * o for i, o in pairwise(widths))
    assert parameters(own) == counted
    assert len(cls().features) == LAYERS


def test_the_published_network_is_known_by_its_number_of_parameters() -> None:
    assert parameters(vgg11_bn()) == 132_868_840


def test_published_weights_give_the_published_maps(published: dict[str, torch.Tensor]) -> None:
    expected = np.load(GOLDEN / "networks.npz")["cnn2d"]
    with torch.inference_mode():
        embeddings = PictureCNN.from_published(published)(picture(2, 3, 48, 48))
    assert embeddings.shape == (2, 512) == expected.shape
    np.testing.assert_allclose(embeddings, expected, rtol=0, atol=1e-4)


def test_a_plane_has_the_embedding_of_the_grey_picture(published: dict[str, torch.Tensor]) -> None:
    plane = picture(2, 1, 64, 107)
    with torch.inference_mode():
        grey = PictureCNN.from_published(published)(plane.expand(-1, 3, -1, -1))
        single = SpectrogramCNN.from_published(published)(plane)
    torch.testing.assert_close(single, grey, rtol=0, atol=1e-4)


def test_own_parameters_load_again(published: dict[str, torch.Tensor]) -> None:
    network = SpectrogramCNN.from_published(published)
    again = SpectrogramCNN.from_published(network.state_dict())
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in network.state_dict().items())


def test_a_network_for_one_channel_is_none_for_colours(published: dict[str, torch.Tensor]) -> None:
    one = SpectrogramCNN.from_published(published).state_dict()
    with pytest.raises(InputError, match=r"mis-shaped features\.0\.weight: \(64, 1, 3, 3\) in the checkpoint"):
        PictureCNN.from_published(one)


@pytest.mark.parametrize("shape", [(2, 1, 48, 48), (3, 48, 48), (2, 3, 15, 48)])
def test_other_shapes_are_refused(published: dict[str, torch.Tensor], shape: tuple[int, ...]) -> None:
    network = PictureCNN.from_published(published)
    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 512)
    with pytest.raises(ValueError, match=r"\(n, 3, h, w\) from 16 x 16 on, got \("):
        network(torch.zeros(shape))
