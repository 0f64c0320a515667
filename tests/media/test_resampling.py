"""Against SciPy where the ratio of the rates is small enough for it, and against the tones themselves elsewhere."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly

from pipeline.media.resampling import Resampler, to_int16

EXACT = [(44100, 16000), (48000, 16000), (22050, 16000), (8000, 16000), (16000, 44100), (96000, 16000)]
COPRIME = [(22254, 16000), (47999, 16000), (16001, 44100)]


def tone(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def resample(samples: np.ndarray, source_rate: int, rate: int, *, piece: int = 1024) -> np.ndarray:
    resampler = Resampler(source_rate, rate)
    for first in range(0, len(samples), piece):
        resampler.push(0.5 * samples[first : first + piece])
    return resampler.finish() / 16384


@pytest.mark.parametrize(("source", "rate"), EXACT + COPRIME)
def test_the_passband_is_flat_and_nothing_is_delayed(source: int, rate: int) -> None:
    for share in (0.02, 0.5, 0.9):
        hertz = share * min(source, rate) / 2
        found = resample(tone(hertz, source), source, rate)
        assert len(found) == rate
        inner = slice(rate // 20, -rate // 20)
        np.testing.assert_allclose(found[inner], tone(hertz, rate)[inner], atol=1e-3)


@pytest.mark.parametrize(("source", "rate"), [(source, rate) for source, rate in EXACT + COPRIME if source > rate])
def test_what_the_new_rate_cannot_hold_is_gone(source: int, rate: int) -> None:
    for hertz in (1.01 * rate / 2, 0.98 * source / 2):
        found = resample(tone(hertz, source), source, rate)
        assert np.abs(found[rate // 20 : -rate // 20]).max() <= 1 / 16384


@pytest.mark.parametrize(("source", "rate"), EXACT)
def test_agrees_with_scipy_below_the_passbands_end(source: int, rate: int) -> None:
    # Only noise well below the lower Nyquist frequency: the filters differ near it.
    spectrum = np.random.default_rng(0).normal(size=source // 2 + 1)
    spectrum[int(0.35 * min(source, rate)) :] = 0
    noise = np.fft.irfft(spectrum, source)
    noise *= 0.5 / np.abs(noise).max()
    divisor = int(np.gcd(source, rate))
    other = resample_poly(noise, rate // divisor, source // divisor, window=("kaiser", 12.0))
    inner = slice(rate // 20, -rate // 20)
    ours = resample(noise, source, rate)
    assert np.sqrt(np.mean((ours - other)[inner] ** 2)) < 2e-3 * np.std(other[inner])


@pytest.mark.parametrize(("source", "rate"), [(44100, 16000), *COPRIME])
def test_how_the_sound_is_cut_does_not_matter(source: int, rate: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, 3 * source + 17)
    whole = resample(noise, source, rate, piece=len(noise))
    assert len(whole) == round(len(noise) * rate / source)
    for piece in (333, 1024, 8192):
        np.testing.assert_array_equal(resample(noise, source, rate, piece=piece), whole)


def test_an_equal_rate_changes_nothing() -> None:
    samples = np.random.default_rng(2).uniform(-1, 1, 5000)
    np.testing.assert_array_equal(resample(samples, 16000, 16000), np.rint(samples * 16384) / 16384)


def test_no_sound_stays_none() -> None:
    assert len(resample(np.zeros(0), 44100, 16000)) == 0


MEASURE = """
import resource, sys
import numpy as np
from pipeline.media.resampling import Resampler
block = np.random.default_rng(0).uniform(-1, 1, 4096)
def run(seconds):
    resampler = Resampler(int(sys.argv[1]), 16000)
    for _ in range(seconds * int(sys.argv[1]) // len(block)):
        resampler.push(block)
    assert len(resampler.finish()) > 14000 * seconds
run(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run(120)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("source", [22254, 47999])
def test_memory_depends_on_what_comes_out_alone(source: int) -> None:
    done = subprocess.run([sys.executable, "-c", MEASURE, str(source)], capture_output=True, text=True, check=True)
    # Two minutes are 4 MB of 16-bit samples.
    assert int(done.stdout) < 40


@given(st.lists(st.integers(-32768, 32767), min_size=1))
def test_16_bits_survive_the_way_through_floats(values: list[int]) -> None:
    samples = np.array(values, dtype=np.int16)
    np.testing.assert_array_equal(to_int16(samples.astype(np.float32) / 32768), samples)


def test_loud_samples_are_clipped_and_not_wrapped() -> None:
    np.testing.assert_array_equal(to_int16(np.array([-1.5, -1.0, 1.0, 1.5])), [-32768, -32768, 32767, 32767])
