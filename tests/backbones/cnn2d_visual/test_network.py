import numpy as np
import pytest
import torch

from pipeline.backbones import cnn2d_visual
from pipeline.backbones.cnn2d_visual import PictureCNN
from pipeline.backbones.common.drawn_faces import draw_pictures
from pipeline.backbones.common.imagenet import normalise
from pipeline.backbones.common.weights import Weights
from tests.backbones.clips import make_clip
from tests.backbones.networks import channels_last
from tests.backbones.randomness import misfit, same, spread

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> PictureCNN:
    return channels_last(cnn2d_visual.build(Weights()))


def test_random_weights_come_from_their_seed_and_tell_faces_apart(network: PictureCNN) -> None:
    assert same(network.state_dict(), cnn2d_visual.build(Weights()).state_dict())
    first = "features.0.weight"
    other = cnn2d_visual.build(Weights(seed=1))
    assert not torch.equal(network.get_parameter(first), other.get_parameter(first))
    faces = normalise(draw_pictures(24, size=48, seed=99))
    assert all(abs(mean) < 0.5 and 0.5 < deviation < 2 for mean, deviation in misfit(network, faces).values())
    with torch.inference_mode():
        assert spread(network(faces)) > 0.2


@pytest.mark.parametrize("batch", [1, 5])
def test_every_frame_gets_its_own_face(network: PictureCNN, batch: int) -> None:
    clip = make_clip(frames=7)
    rows = cnn2d_visual.embed(network, clip, batch=batch, device=CPU)
    assert (rows.shape, rows.dtype) == ((7, cnn2d_visual.DIMENSION), np.float32)
    with torch.inference_mode():
        expected = [network(normalise(torch.from_numpy(face[None]))).numpy()[0] for face in clip.faces]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(cnn2d_visual.valid(clip), clip.face_valid)
