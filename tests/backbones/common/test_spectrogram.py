import numpy as np
import pytest
import torch

from pipeline.backbones.common import spectrogram
from pipeline.backbones.common.spectrogram import (
    PATCH,
    as_pictures,
    decibel_rows,
    embed_patches,
    patch_ends,
    patches_at,
    sample_patches,
    valid,
)
from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.runtime.errors import InputError
from pipeline.runtime.torchaudio_pure import transforms
from tests.backbones.clips import make_clip, make_loud_clip

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return random_sound(3.0, seed=0, rate=44100)


def plain_row(sound: np.ndarray, row: int) -> np.ndarray:
    """One row in double precision, sample by sample and band by band; silence lies around the sound."""
    centre = 441 * row
    samples = np.array([sound[i] / 32768 if 0 <= i < len(sound) else 0.0 for i in range(centre - 441, centre + 441)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(882) / 882)
    power = np.abs(np.fft.rfft(samples * window, 1024)) ** 2
    hertz = np.arange(513) * 44100 / 1024
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 22050 / 700), 66) / 2595) - 1)
    bands = []
    for lower, middle, upper in zip(edges[:-2], edges[1:-1], edges[2:], strict=True):
        triangle = np.clip(np.minimum((hertz - lower) / (middle - lower), (upper - hertz) / (upper - middle)), 0, None)
        bands.append(power @ triangle)
    return 10 * np.log10(np.maximum(bands, 1e-10))


@pytest.mark.parametrize("row", [-106, -1, 0, 1, 57, 299, 300, 301])
def test_a_row_is_what_the_definition_says(sound: np.ndarray, row: int) -> None:
    rows = decibel_rows(sound, last=310)
    assert rows.shape == (107 + 310, 64)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows[row + 106], plain_row(sound, row), rtol=0, atol=0.02)


def test_the_published_recipe_gives_the_same_patch(sound: np.ndarray) -> None:
    """torchaudio's defaults on 32 frames at 30 per second: all columns but those that mirror the cut's ends."""
    end = 200
    cut = sound[441 * (end - 106) : 441 * (end - 106) + 47_040].astype(np.float32) / 32768
    mel = transforms.MelSpectrogram(sample_rate=44100, n_fft=1024, win_length=882, hop_length=441, n_mels=64)
    published = transforms.AmplitudeToDB("power", top_db=None)(mel(torch.from_numpy(cut))).numpy()
    assert published.shape == (64, PATCH)
    ours = decibel_rows(sound, last=end)[end : end + PATCH].T
    np.testing.assert_allclose(ours[:, 2:-2], published[:, 2:-2], rtol=0, atol=1e-3)


def test_patches_are_limited_to_80_decibels_and_normalised_by_constants(sound: np.ndarray) -> None:
    quiet = sound.copy()
    quiet[44100:] = 0
    rows = decibel_rows(quiet, last=180)
    ends = np.array([100, 180, 95])
    patches = patches_at(rows, ends)
    assert patches.shape == (3, PATCH, 64)
    assert patches.dtype == np.float32
    for patch, end in zip(patches, ends, strict=True):
        decibels = rows[end : end + PATCH].astype(np.float64)
        limited = transforms.AmplitudeToDB("magnitude", top_db=80.0)(torch.from_numpy(10 ** (decibels / 20)))
        np.testing.assert_allclose(patch, (limited.numpy() + 14.8) / 19.895, rtol=0, atol=1e-4)
    # The limit was met: the last patch's tail is silence, 80 dB below its loudest.
    assert patches[1].min() == pytest.approx(patches[1].max() - 80 / 19.895, abs=1e-5)


def test_a_click_is_found_at_its_own_time() -> None:
    click = np.zeros(3 * 44100, dtype=np.int16)
    click[441 * 150] = 30000
    times = np.array([1.5, 1.7, 2.004, 2.006, 2.56])
    patches = patches_at(decibel_rows(click, last=260), patch_ends(times))
    assert patches.mean(axis=2).argmax(axis=1).tolist() == [106, 86, 56, 55, 0]


def test_a_patch_covers_the_past_and_hardly_the_future(sound: np.ndarray) -> None:
    time = np.array([1.234])
    ends = patch_ends(time)
    frame = round(1.234 * 44100)

    def patch_of(samples: np.ndarray) -> np.ndarray:
        return patches_at(decibel_rows(samples, last=int(ends.max())), ends)

    changed = sound.copy()
    changed[frame + 662 :] = 12345
    np.testing.assert_array_equal(patch_of(changed), patch_of(sound))
    changed = sound.copy()
    changed[: frame - 107 * 441 - 220] = 12345
    np.testing.assert_array_equal(patch_of(changed), patch_of(sound))
    changed = sound.copy()
    changed[frame - 2000 : frame] = 12345
    assert np.abs(patch_of(changed) - patch_of(sound)).max() > 0.1


def test_silence_and_no_sound_are_alike() -> None:
    silence = decibel_rows(np.zeros(44100, dtype=np.int16), last=20)
    assert (silence == -100).all()
    np.testing.assert_array_equal(decibel_rows(np.zeros(0, dtype=np.int16), last=20), silence)
    np.testing.assert_allclose(patches_at(silence, np.array([20])), (-100 + 14.8) / 19.895, rtol=1e-6)


def test_long_sounds_are_transformed_in_blocks(sound: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decibel_rows(sound, last=250)
    monkeypatch.setattr(spectrogram, "_BLOCK", 100)
    np.testing.assert_allclose(decibel_rows(sound, last=250), whole, rtol=0, atol=1e-3)


def test_ends_round_each_time_stamp_by_itself() -> None:
    assert patch_ends(np.array([0.0, 0.004, 0.006, 1.0, 10.01 / 3, -2.0])).tolist() == [0, 0, 1, 100, 334, 0]


def test_a_frame_is_valid_where_its_patch_holds_sound() -> None:
    times = np.array([-0.1, 0.0, 0.5, 1.0, 2.0, 2.05, 2.08, 3.0])
    clip = make_clip(frames=8, time=times, audio=np.ones(44100, dtype=np.int16), sample_rate=44100)
    # A patch that ends 1.065 s behind the last sample still has half a window in the sound.
    assert valid(clip).tolist() == [False, True, True, True, True, True, False, False]
    assert not valid(make_clip(frames=8, time=times, audio=np.zeros(0, dtype=np.int16), sample_rate=44100)).any()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="time of frame 1 is not a finite number"):
        patch_ends(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match=r"must be \(N,\) int16, got \(4,\) float32"):
        decibel_rows(np.zeros(4, dtype=np.float32), last=3)
    with pytest.raises(ValueError, match="got -1"):
        decibel_rows(np.zeros(4, dtype=np.int16), last=-1)


def flat(patches: torch.Tensor) -> torch.Tensor:
    return patches.flatten(1)


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_every_frame_gets_the_patch_that_ends_with_it(batch: int) -> None:
    clip = make_loud_clip(frames=9)
    ends = patch_ends(clip.time)
    patches = patches_at(decibel_rows(clip.other_audio[44100], last=int(ends.max())), ends)
    np.testing.assert_array_equal(embed_patches(flat, clip, batch=batch, device=CPU), patches.reshape(9, -1))


def test_frames_that_share_a_patch_are_computed_once() -> None:
    shown: list[int] = []

    def count(patches: torch.Tensor) -> torch.Tensor:
        shown.append(len(patches))
        return flat(patches)

    clip = make_loud_clip(frames=40, fps=250.0)
    rows = embed_patches(count, clip, batch=8, device=CPU)
    ends = patch_ends(clip.time)
    assert sum(shown) == len(np.unique(ends)) < 40
    np.testing.assert_array_equal(rows[1:][np.diff(ends) == 0], rows[:-1][np.diff(ends) == 0])


def test_a_variable_frame_rate_is_followed() -> None:
    time = np.array([0.0, 0.03, 0.5, 0.52, 1.4])
    sound = random_sound(1.5, seed=0, rate=44100)
    clip = make_clip(frames=5, time=time, other_audio={44100: sound})
    expected = patches_at(decibel_rows(sound, last=140), np.array([0, 3, 50, 52, 140]))
    np.testing.assert_array_equal(embed_patches(flat, clip, batch=2, device=CPU), expected.reshape(5, -1))


def test_a_clip_without_sound_is_silent_and_not_valid() -> None:
    clip = make_clip(frames=3, audio=np.zeros(0, dtype=np.int16), sample_rate=44100)
    rows = embed_patches(flat, clip, batch=2, device=CPU)
    np.testing.assert_allclose(rows, (-100 + 14.8) / 19.895, rtol=1e-6)
    assert not valid(clip).any()


def test_sound_at_another_rate_alone_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"trial 7: sound at 16000 Hz.*add 44100 to `clips.other_sample_rates`"):
        embed_patches(flat, make_clip(frames=3), batch=2, device=CPU)


def test_bands_run_down_and_time_to_the_right() -> None:
    patches = torch.arange(2 * 107 * 64).reshape(2, 107, 64)
    turned = as_pictures(patches)
    assert turned.shape == (2, 1, 64, 107)
    assert turned[1, 0, 5, 100] == patches[1, 100, 5]


def test_patches_of_synthetic_sound_differ() -> None:
    patches = sample_patches(0)
    assert patches.shape == (32, 107, 64)
    assert torch.isfinite(patches).all()
    assert patches.std(dim=0).mean() > 0.3
    assert torch.equal(patches, sample_patches(0))
    assert not torch.equal(patches, sample_patches(1))
