import json

import numpy as np
import pytest
import torch

from pipeline.backbones import cnn2d_visual
from pipeline.backbones.common.cnn2d import PictureCNN
from pipeline.backbones.common.imagenet import normalise
from pipeline.backbones.common.random_pictures import random_pictures
from pipeline.backbones.common.weights import Weights
from tests.backbones.clips import make_clip
from tests.backbones.randomness import misfit, same, spread

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> PictureCNN:
    return cnn2d_visual.build(Weights()).to(memory_format=torch.channels_last)


def test_random_weights_come_from_their_seed_and_tell_faces_apart(network):
    assert same(network.state_dict(), cnn2d_visual.build(Weights()).state_dict())
    other = cnn2d_visual.build(Weights(seed=1)).features[0].weight
    assert not torch.equal(network.features[0].weight, other)
    faces = normalise(random_pictures(24, size=48, seed=99))
    assert all(abs(mean) < 0.5 and 0.5 < deviation < 2 for mean, deviation in misfit(network, faces).values())
    with torch.inference_mode():
        assert spread(network(faces)) > 0.2


@pytest.mark.parametrize("batch", [1, 5])
def test_every_frame_gets_its_own_face(network, batch):
    clip = make_clip(frames=7)
    rows = cnn2d_visual.embed(network, clip, batch=batch, device=CPU)
    assert (rows.shape, rows.dtype) == ((7, cnn2d_visual.DIMENSION), np.float32)
    with torch.inference_mode():
        expected = [network(normalise(torch.from_numpy(face[None]))).numpy()[0] for face in clip.faces]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(cnn2d_visual.valid(clip), clip.face_valid)


def test_the_module_says_what_it_is():
    assert cnn2d_visual.MODALITY == "visual"
    assert set(cnn2d_visual.NEEDS) == {"faces"}
    assert json.loads(json.dumps(cnn2d_visual.FRONT_END)) == cnn2d_visual.FRONT_END
