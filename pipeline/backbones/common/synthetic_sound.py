"""Synthetic voices, hums and noises: what random weights of audio networks are fitted to. Nothing here is labelled."""

import numpy as np
import numpy.typing as npt

HARMONICS = 19
HIGHEST = 7500.0
"""Hertz; higher harmonics are left out."""


def random_sound(seconds: float, *, seed: int, rate: int = 16_000) -> npt.NDArray[np.int16]:
    """Synthesise sounds of random pitch, level, tilt and rhythm, (seconds * rate,).

    Every half second or so the sound changes; pitch and level glide in between.

    Parameters
    ----------
    seconds : length
    seed : of the random stream
    rate : hertz
    """
    random = np.random.default_rng(seed)
    count = round(seconds * rate)
    time = np.arange(count) / rate
    anchors = np.append(np.cumsum(random.uniform(0.25, 0.8, size=int(seconds * 4) + 4)), seconds)

    def course(low: float, high: float) -> npt.NDArray[np.float64]:
        return np.interp(time, anchors[:-1], random.uniform(low, high, size=len(anchors) - 1))

    pitch = np.exp(course(np.log(80), np.log(400)))
    tilt, level, noisiness = course(0.5, 2.0), course(-4.0, 0.0), course(0.0, 1.0) ** 2
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = np.zeros(count)
    for harmonic in range(1, HARMONICS + 1):
        voice += np.where(harmonic * pitch < HIGHEST, harmonic**-tilt, 0.0) * np.sin(harmonic * phase)
    noise = random.normal(0, 0.5, size=count)
    noise = np.where(tilt > 1.2, np.convolve(noise, np.ones(8) / 8**0.5, mode="same"), noise)
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * np.cumsum(course(2.0, 7.0)) / rate)
    sound = np.exp(level) * syllables * ((1 - noisiness) * voice + noisiness * noise)
    return np.asarray(np.clip(sound / 4, -1, 1) * 32767, dtype=np.int16)
