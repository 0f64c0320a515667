import numpy as np
import pytest

from pipeline.demo.config import NoiseLevels
from pipeline.demo.latent import CONTROL_RATE, affects, at, smooth_noise, stream, view
from tests.demo.factory import small


def test_a_stream_depends_on_every_part_of_its_name() -> None:
    draws = [stream(*name).integers(2**60) for name in ((1, "a", "b"), (1, "a"), (2, "a", "b"), (1, "b", "a"))]
    assert len(set(draws)) == 4
    assert draws[0] == stream(1, "a", "b").integers(2**60)


@pytest.mark.parametrize("period", [1.0, 3.5])
def test_noise_crosses_zero_upwards_once_a_period(period: float) -> None:
    noise = smooth_noise(stream(0, "noise"), int(2000 * CONTROL_RATE), period=period)
    crossings = np.sum((noise[:-1] < 0) & (noise[1:] >= 0))
    assert crossings == pytest.approx(2000 / period, rel=0.1)
    assert noise.mean() == pytest.approx(0, abs=1e-9)
    assert noise.std() == pytest.approx(1)


def test_the_latents_of_every_trial_span_most_of_the_range() -> None:
    config = small(seconds=11.0, latent_period=3.5)
    for number in range(20):
        for latent in affects(config, f"video{number}", ("a",), 1200):
            for curve in (latent.valence, latent.arousal):
                assert np.abs(curve).max() < 1
                assert np.ptp(curve) > 1.3


def test_conversing_subjects_share_part_of_their_affect() -> None:
    left, right = affects(small(), "video1", ("a", "b"), 60_000)
    assert 0.4 < np.corrcoef(left.valence, right.valence)[0, 1] < 0.85
    assert abs(np.corrcoef(left.valence, left.arousal)[0, 1]) < 0.2


def test_the_noise_level_sets_how_much_a_view_tells() -> None:
    (latent,) = affects(small(), "video1", ("a",), 100_000)
    seen = view(latent, NoiseLevels(valence=0.5, arousal=2.0), stream(0, "view"), period=2.0)
    # The correlation of x and (x + k n) / sqrt(1 + k^2) is 1 / sqrt(1 + k^2); bending the extremes costs a little.
    assert np.corrcoef(latent.valence, seen.valence)[0, 1] == pytest.approx(1 / np.sqrt(1.25), abs=0.03)
    assert np.corrcoef(latent.arousal, seen.arousal)[0, 1] == pytest.approx(1 / np.sqrt(5), abs=0.07)


def test_a_curve_is_read_in_seconds() -> None:
    curve = np.arange(300.0)
    assert at(np.array([0.0, 1.005, 99.0]), curve).tolist() == pytest.approx([0.0, 100.5, 299.0])
