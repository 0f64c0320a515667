from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly

from pipeline.media import audio
from pipeline.media.audio import read_audio, resample, to_int16
from pipeline.runtime.errors import InputError
from pipeline.runtime.torchaudio_pure import functional
from tests.media_factory import damage, write_video


def sine(frequency: float, rate: int, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(np.float32)


@pytest.mark.parametrize("source", [44100, 48000, 22050, 8000])
def test_a_tone_stays_the_same_tone(source: int) -> None:
    result = resample(sine(440, source, 1.0), source, 16000)
    assert len(result) == 16000
    inner = slice(200, -200)
    np.testing.assert_allclose(result[inner], sine(440, 16000, 1.0)[inner], atol=2e-3)


def test_what_cannot_be_heard_at_the_new_rate_is_gone() -> None:
    assert np.abs(resample(sine(15000, 48000, 1.0), 48000, 16000)[200:-200]).max() < 0.01


def test_agrees_with_another_resampler() -> None:
    # Band-limited noise: two filters differ only near the new Nyquist frequency.
    noise = np.cumsum(np.random.default_rng(0).normal(size=44100)) / 100
    other = resample_poly(noise, 160, 441)
    ours = resample(noise.astype(np.float32), 44100, 16000)
    assert len(ours) == len(other) == 16000
    inner = slice(500, -500)
    assert np.sqrt(np.mean((ours - other)[inner] ** 2)) < 0.01 * np.std(other[inner])


@pytest.mark.parametrize(("source", "rate"), [(44100, 16000), (48000, 16000), (8000, 16000), (16000, 44100)])
def test_blocks_leave_no_seams(monkeypatch: pytest.MonkeyPatch, source: int, rate: int) -> None:
    import torch

    signal = np.random.default_rng(1).normal(size=3 * source + 17).astype(np.float32)
    monkeypatch.setattr(audio, "BLOCK_SECONDS", 1)
    whole = functional.resample(torch.from_numpy(signal.astype(np.float64)), source, rate).numpy()
    np.testing.assert_allclose(resample(signal, source, rate), whole, atol=1e-12)


@given(st.lists(st.integers(-32768, 32767), min_size=1))
def test_16_bits_survive_the_way_through_floats(values: list[int]) -> None:
    samples = np.array(values, dtype=np.int16)
    np.testing.assert_array_equal(to_int16(samples.astype(np.float32) / 32768), samples)


def test_loud_samples_are_clipped_and_not_wrapped() -> None:
    np.testing.assert_array_equal(to_int16(np.array([-1.5, -1.0, 1.0, 1.5])), [-32768, -32768, 32767, 32767])


def test_both_rates_come_from_one_reading(tmp_path: Path) -> None:
    low, high = read_audio(write_video(tmp_path / "a.avi", sound_codec="pcm_s16le"), (16000, 44100))
    assert (low.rate, len(low.samples)) == (16000, 16000)
    assert (high.rate, len(high.samples)) == (44100, 44100)
    expected = np.rint(0.5 * sine(440, 44100, 1.0) * 32767)
    np.testing.assert_allclose(high.samples, expected, atol=1)


def test_channels_are_averaged(tmp_path: Path) -> None:
    tone = sine(440, 44100, 1.0)
    path = write_video(tmp_path / "a.avi", audio=np.stack([tone, -tone]), sound_codec="pcm_s16le")
    (track,) = read_audio(path, (44100,))
    assert np.abs(track.samples).max() <= 1
    path = write_video(tmp_path / "b.avi", audio=np.stack([tone, 0 * tone]), sound_codec="pcm_s16le")
    (track,) = read_audio(path, (44100,))
    np.testing.assert_allclose(track.samples, np.rint(tone * 32767) / 2, atol=1)


def test_missing_packets_leave_silence_and_no_shift(tmp_path: Path) -> None:
    rate = 44100
    signal = np.zeros((1, 2 * rate))
    signal[0, rate : rate + 200] = 0.9
    whole = read_audio(write_video(tmp_path / "a.mp4", frames=60, audio=signal), (rate,))[0]
    holed = read_audio(write_video(tmp_path / "b.mp4", frames=60, audio=signal, skip_sound=range(10, 20)), (rate,))[0]
    assert np.abs(whole.samples).argmax() == pytest.approx(rate, abs=300)
    assert np.abs(holed.samples).argmax() == pytest.approx(np.abs(whole.samples).argmax(), abs=2)
    assert len(holed.samples) == len(whole.samples)
    assert "are missing at 0.2" in holed.notes[0]
    assert whole.notes == ()


def test_overlapping_sound_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = [(np.full(1000, 0.25, np.float32), 1000, 0.0), (np.full(1000, 0.5, np.float32), 1000, 0.9)]
    monkeypatch.setattr(audio, "_frames", lambda *_: iter(pieces))
    (track,) = read_audio(write_video(tmp_path / "a.mp4"), (1000,))
    np.testing.assert_array_equal(track.samples, [8192] * 1000 + [16384] * 900)
    assert "overlap" in track.notes[0]


@pytest.mark.parametrize(
    ("second", "message"), [((1000, 100.0), "jump by 99.0 s at 1.00 s"), ((2000, 1.0), "changes from 1000 to 2000 Hz")]
)
def test_what_cannot_be_laid_out_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, second: tuple[int, float], message: str
) -> None:
    pieces = [(np.zeros(1000, np.float32), 1000, 0.0), (np.zeros(1000, np.float32), *second)]
    monkeypatch.setattr(audio, "_frames", lambda *_: iter(pieces))
    with pytest.raises(InputError, match=message):
        read_audio(write_video(tmp_path / "a.mp4"), (1000,))


def test_damage_names_the_time(tmp_path: Path) -> None:
    path = damage(write_video(tmp_path / "a.mp4", frames=60, video=False), count=600)
    with pytest.raises(InputError, match=r"a\.mp4: the sound cannot be decoded after \d\.\d\d s"):
        read_audio(path, (16000,))


def test_a_file_without_sound(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audio stream"):
        read_audio(write_video(tmp_path / "a.mp4", audio=False), (16000,))
