import numpy as np

from pipeline.backbones.common.synthetic_sound import random_sound


def test_a_seed_makes_one_sound_at_any_rate() -> None:
    slow, fast = random_sound(4.0, seed=3, rate=16000), random_sound(4.0, seed=3, rate=44100)
    assert (len(slow), len(fast)) == (64000, 176400)
    assert slow.dtype == fast.dtype == np.int16
    np.testing.assert_array_equal(slow, random_sound(4.0, seed=3, rate=16000))
    assert not np.array_equal(slow, random_sound(4.0, seed=4, rate=16000))

    def loudness(sound: np.ndarray, rate: int) -> np.ndarray:
        return np.asarray(np.sqrt((sound.astype(np.float64).reshape(-1, rate // 4) ** 2).mean(axis=1)))

    # The same voice at the same loudness in every quarter of a second; only its noise differs.
    assert np.corrcoef(loudness(slow, 16000), loudness(fast, 44100))[0, 1] > 0.85


def test_sounds_differ_in_loudness_and_are_not_cut_off() -> None:
    sound = random_sound(30.0, seed=0, rate=16000).astype(np.float64)
    loudness = 20 * np.log10(np.sqrt((sound.reshape(-1, 4000) ** 2).mean(axis=1)) + 1)
    assert np.ptp(loudness) > 20
    assert (np.abs(sound) >= 32767).mean() < 0.01
