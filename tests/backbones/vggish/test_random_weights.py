import numpy as np
import pytest
import torch

from pipeline.backbones import vggish
from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.vggish.dense import embed_starts
from pipeline.backbones.vggish.front_end import log_mel_rows, patch_starts
from tests.backbones.decoding import held_out_r2

RATE = 16000


def test_a_seed_makes_the_same_weights_whatever_was_drawn_before(random_vggish: vggish.VGGish) -> None:
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    again = vggish.build(Weights()).state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    own = random_vggish.state_dict()
    assert len(own) == 18
    assert all(torch.equal(again[key], value) for key, value in own.items())


def test_sounds_that_the_weights_were_not_fitted_to_keep_their_variance(random_vggish: vggish.VGGish) -> None:
    rows = log_mel_rows(random_sound(20, seed=99))
    starts, _ = patch_starts(np.arange(0, 19, 0.6), len(rows))
    parts = (random_vggish.features, random_vggish.embeddings)
    embedding = embed_starts(*parts, rows, starts, batch=64, device=torch.device("cpu"))
    deviation = embedding.std(axis=0)
    assert deviation.min() > 0.2
    assert 0.5 < deviation.mean() < 2


def test_synthetic_sound_varies_within_its_range() -> None:
    sound = random_sound(4, seed=0)
    assert sound.shape == (4 * RATE,)
    np.testing.assert_array_equal(sound, random_sound(4, seed=0))
    loudness = sound.reshape(-1, RATE // 4).astype(float).std(axis=1)
    assert loudness.max() > 3 * loudness.min() > 0
    assert (np.abs(sound.astype(int)) == 32767).mean() < 0.01


def glide(random: np.random.Generator, seconds: int) -> np.ndarray:
    """A slow course between -1 and 1, (seconds * 100,)."""
    return np.interp(np.arange(seconds * 100) / 100, np.arange(seconds + 1), random.uniform(-1, 1, seconds + 1))


@pytest.mark.slow
def test_pitch_and_loudness_can_be_read_off_the_features_of_unknown_voices(random_vggish: vggish.VGGish) -> None:
    random = np.random.default_rng(0)
    features, targets, identity = [], [], []
    for voice in range(12):
        pitch, loudness = glide(random, 5), glide(random, 5)
        tilt = random.uniform(0.8, 1.5)
        hertz = np.repeat(180 * 2**pitch, 160)
        phase = 2 * np.pi * np.cumsum(hertz) / RATE
        partials = [np.where(n * hertz < 7000, n**-tilt, 0.0) * np.sin(n * phase) for n in range(1, 20)]
        tone = np.sum(partials, axis=0)
        noise = random.normal(0, 0.1, len(tone))
        sound = (0.08 * np.exp(np.repeat(loudness, 160)) * (tone + noise)).clip(-1, 1)
        rows = log_mel_rows((sound * 32767).astype(np.int16))
        starts, _ = patch_starts(np.arange(0, 4, 1 / 12.5), len(rows))
        parts = (random_vggish.features, random_vggish.embeddings)
        features.append(embed_starts(*parts, rows, starts, batch=64, device=torch.device("cpu")))
        covered = starts[:, None] + np.arange(96)
        targets.append(np.stack([pitch[covered].mean(axis=1), loudness[covered].mean(axis=1)], axis=1))
        identity.append(np.full(len(starts), voice))
    r2 = held_out_r2(np.concatenate(features), np.concatenate(targets), np.concatenate(identity))
    assert (r2 > 0.6).all(), r2
