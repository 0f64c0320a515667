import numpy as np
import pytest
import torch

from pipeline.backbones.common.spectrogram_44k import decibel_rows, patch_ends, patches_at
from pipeline.backbones.common.spectrogram_embed import embed_patches, patches_heard, pictures, random_patches
from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip, make_loud_clip

CPU = torch.device("cpu")


def flat(patches: torch.Tensor) -> torch.Tensor:
    return patches.flatten(1)


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_every_frame_gets_the_patch_that_ends_with_it(batch):
    clip = make_loud_clip(frames=9)
    ends = patch_ends(clip.time)
    patches = patches_at(decibel_rows(clip.other_audio[44100], last=int(ends.max())), ends)
    np.testing.assert_array_equal(embed_patches(flat, clip, batch=batch, device=CPU), patches.reshape(9, -1))


def test_frames_that_share_a_patch_are_computed_once():
    shown: list[int] = []

    def count(patches: torch.Tensor) -> torch.Tensor:
        shown.append(len(patches))
        return flat(patches)

    clip = make_loud_clip(frames=40, fps=250.0)
    rows = embed_patches(count, clip, batch=8, device=CPU)
    ends = patch_ends(clip.time)
    assert sum(shown) == len(np.unique(ends)) < 40
    np.testing.assert_array_equal(rows[1:][np.diff(ends) == 0], rows[:-1][np.diff(ends) == 0])


def test_a_variable_frame_rate_is_followed():
    time = np.array([0.0, 0.03, 0.5, 0.52, 1.4])
    sound = random_sound(1.5, seed=0, rate=44100)
    clip = make_clip(frames=5, time=time, other_audio={44100: sound})
    expected = patches_at(decibel_rows(sound, last=140), np.array([0, 3, 50, 52, 140]))
    np.testing.assert_array_equal(embed_patches(flat, clip, batch=2, device=CPU), expected.reshape(5, -1))


def test_a_clip_without_sound_is_silent_and_not_heard():
    clip = make_clip(frames=3, audio=np.zeros(0, dtype=np.int16), sample_rate=44100)
    rows = embed_patches(flat, clip, batch=2, device=CPU)
    np.testing.assert_allclose(rows, (-100 + 14.8) / 19.895, rtol=1e-6)
    assert not patches_heard(clip).any()


def test_sound_at_another_rate_alone_is_refused_with_the_remedy():
    with pytest.raises(InputError, match=r"trial 7: sound at 16000 Hz.*add 44100 to `clips.other_sample_rates`"):
        embed_patches(flat, make_clip(frames=3), batch=2, device=CPU)


def test_bands_run_down_and_time_to_the_right():
    patches = torch.arange(2 * 107 * 64).reshape(2, 107, 64)
    turned = pictures(patches)
    assert turned.shape == (2, 1, 64, 107)
    assert turned[1, 0, 5, 100] == patches[1, 100, 5]


def test_patches_of_synthetic_sound_differ():
    patches = random_patches(seed=0)
    assert patches.shape == (32, 107, 64)
    assert torch.isfinite(patches).all()
    assert patches.std(dim=0).mean() > 0.3
    assert torch.equal(patches, random_patches(seed=0))
    assert not torch.equal(patches, random_patches(seed=1))
