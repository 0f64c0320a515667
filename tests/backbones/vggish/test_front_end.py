import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.backbones.vggish import front_end
from pipeline.backbones.vggish.front_end import (
    BANDS,
    PATCH,
    log_mel_rows,
    mel_filters,
    patch_starts,
    patches_at,
    row_count,
)
from tests.golden.checkpoint import GOLDEN

RATE = 16000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.round(12000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.int16)


@pytest.mark.parametrize("fps", [25, 30])
def test_the_published_front_end_gives_the_same_patches(fps: float) -> None:
    golden = np.load(GOLDEN / f"vggish_frontend_{fps}fps.npz")
    rows = log_mel_rows(golden["pcm16"])
    assert 1 + int((len(rows) - PATCH) * fps // 100) == golden["examples_total"]
    starts, valid = patch_starts(golden["index"] / fps, len(rows))
    assert valid.all()
    patches = patches_at(rows, starts)
    assert patches.shape == golden["examples"].shape
    np.testing.assert_allclose(patches, golden["examples"], rtol=0, atol=1e-4)


def test_the_same_as_a_spectrogram_of_torch() -> None:
    sound = np.random.default_rng(0).integers(-9000, 9000, 3 * RATE).astype(np.int16)
    padded = np.concatenate([sound, np.repeat(sound[-1:], RATE)]) / 32768
    # torch centres a short window in the transform: 56 zeros at either end move it to where the window begins.
    signal = torch.nn.functional.pad(torch.from_numpy(padded), (56, 56))
    window = torch.hann_window(400, periodic=True, dtype=torch.float64)
    spectrum = torch.stft(signal, 512, 160, 400, window, center=False, return_complex=True).abs().T.numpy()
    expected = np.log(spectrum @ mel_filters() + 0.01)
    np.testing.assert_allclose(log_mel_rows(sound), expected, rtol=0, atol=1e-5)


def test_silence() -> None:
    assert np.unique(log_mel_rows(np.zeros(RATE, dtype=np.int16))) == np.float32(np.log(0.01))
    np.testing.assert_array_equal(log_mel_rows(np.zeros(0, dtype=np.int16)), log_mel_rows(np.zeros(1, dtype=np.int16)))


def test_a_tone_sounds_in_its_band_and_the_mean_in_none() -> None:
    for hertz in (300, 1000, 4000):
        loudest = log_mel_rows(tone(hertz))[10].argmax()
        centre = np.linspace(1127 * np.log1p(125 / 700), 1127 * np.log1p(7500 / 700), BANDS + 2)[loudest + 1]
        assert abs(700 * np.expm1(centre / 1127) - hertz) < 0.06 * hertz + 20
    assert (mel_filters()[0] == 0).all()
    assert (mel_filters().sum(axis=0) > 0).all()


def test_blocks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.random.default_rng(1).integers(-9000, 9000, 2 * RATE).astype(np.int16)
    whole = log_mel_rows(sound)
    monkeypatch.setattr(front_end, "_BLOCK", 37)
    np.testing.assert_array_equal(log_mel_rows(sound), whole)


@given(samples=st.integers(0, 5000))
def test_the_number_of_rows(samples: int) -> None:
    rows = log_mel_rows(np.ones(samples, dtype=np.int16))
    assert len(rows) == row_count(samples) >= PATCH


def test_other_kinds_of_sound_are_refused() -> None:
    with pytest.raises(ValueError, match="float64"):
        log_mel_rows(np.zeros(10))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(10, 2\)"):
        log_mel_rows(np.zeros((10, 2), dtype=np.int16))


@given(fps=st.sampled_from([14.985, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0]), frame=st.integers(0, 100_000))
def test_a_patch_begins_at_its_own_time_without_drift(fps: float, frame: int) -> None:
    starts, valid = patch_starts(np.array([frame / fps]), 10**7)
    assert starts[0] == round(100 * (frame / fps))
    assert valid.all()


def test_ties_go_to_the_even_row() -> None:
    starts, _ = patch_starts(np.array([0.125, 0.375, 0.625]), 1000)
    assert starts.tolist() == [12, 38, 62]


def test_times_outside_the_sound_get_the_nearest_whole_patch_and_are_marked() -> None:
    starts, valid = patch_starts(np.array([-0.5, 0.0, 1.04, 1.05, 30.0]), 200)
    assert starts.tolist() == [0, 0, 104, 104, 104]
    assert valid.tolist() == [False, True, True, False, False]


def test_impossible_times_and_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="frame 1 is not a finite number"):
        patch_starts(np.array([0.0, np.nan]), 200)
    with pytest.raises(ValueError, match="95 log-mel rows"):
        patch_starts(np.array([0.0]), 95)
