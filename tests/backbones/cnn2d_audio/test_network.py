import numpy as np
import pytest
import torch

from pipeline.backbones import cnn2d_audio
from pipeline.backbones.cnn2d_audio import SpectrogramCNN
from pipeline.backbones.common.spectrogram import decibel_rows, patch_ends, patches_at, sample_patches
from pipeline.backbones.common.weights import Weights
from tests.backbones.clips import make_loud_clip
from tests.backbones.networks import channels_last
from tests.backbones.randomness import misfit, same, spread

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> SpectrogramCNN:
    return channels_last(cnn2d_audio.build(Weights()))


def test_random_weights_come_from_their_seed_and_tell_sounds_apart(network: SpectrogramCNN) -> None:
    assert same(network.state_dict(), cnn2d_audio.build(Weights()).state_dict())
    patches = sample_patches(99)[::2].transpose(1, 2).unsqueeze(1)
    assert all(abs(mean) < 0.5 and 0.5 < deviation < 2 for mean, deviation in misfit(network, patches).values())
    with torch.inference_mode():
        assert spread(network(patches)) > 0.2


@pytest.mark.parametrize("batch", [1, 5])
def test_every_frame_gets_the_sound_before_it_bands_downwards(network: SpectrogramCNN, batch: int) -> None:
    clip = make_loud_clip(frames=7)
    rows = cnn2d_audio.embed(network, clip, batch=batch, device=CPU)
    assert (rows.shape, rows.dtype) == ((7, cnn2d_audio.DIMENSION), np.float32)
    ends = patch_ends(clip.time)
    patches = patches_at(decibel_rows(clip.other_audio[44100], last=int(ends.max())), ends)
    with torch.inference_mode():
        expected = [network(torch.from_numpy(patch.T.copy())[None, None]).numpy()[0] for patch in patches]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)
    assert cnn2d_audio.valid(clip).all()
