"""A voice by source and filter: glottal pulses and breath through the formants of a chain of syllables.

Arousal raises energy, pitch, syllable rate and the share of high frequencies (less spectral tilt); valence spreads the
lips (higher formants) and makes the voice clear, where a low one makes it breathy.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.demo.latent import CONTROL_RATE, Curve, View, at, stream

Samples = npt.NDArray[np.float64]

# First three formants in hertz of a, e, i, o, u, in a middle-sized vocal tract.
_VOWELS = np.array([[760, 1220, 2600], [500, 1850, 2550], [310, 2150, 2900], [480, 900, 2500], [340, 780, 2350]])
_HIGHER_FORMANTS = (3500.0, 4600.0)
_WINDOW = 0.032
_HOP = 0.008
LEVEL_DB = -21.0
"""Loudness of a syllable at average arousal, relative to full scale."""


@dataclass(frozen=True)
class Voice:
    """A subject's voice: mean pitch in hertz, size of the formants and of the syllable rate relative to the average."""

    pitch: float
    formants: float
    rate: float


def voice_of(seed: int, subject: str) -> Voice:
    """Draw the voice of a subject."""
    random = stream(seed, subject, "voice")
    high = random.uniform() < 0.5
    pitch = random.uniform(175, 215) if high else random.uniform(105, 135)
    return Voice(pitch=pitch, formants=random.uniform(1.02, 1.08) if high else 1.0, rate=random.uniform(0.94, 1.06))


@dataclass(frozen=True)
class Speech:
    """A chain of syllables on the control grid.

    Parameters
    ----------
    energy : (n,) in [0, 1], how strongly a syllable sounds; it opens the mouth as well
    hiss : (n,) in [0, 1], consonant noise at the onset of a syllable
    accent : (n,) in [-1, 1], rise and fall of the pitch within a syllable
    formants : (n, 3) in hertz, gliding from vowel to vowel
    """

    energy: Curve
    hiss: Curve
    accent: Curve
    formants: Samples


def speak(view: View, voice: Voice, random: np.random.Generator, turn: Curve) -> Speech:
    """Lay out the syllables: 2.5 to 6 per second with arousal, with short pauses, and none where `turn` is 0."""
    from scipy.ndimage import gaussian_filter1d  # slow to load, and most runs render nothing

    rate = 4.0 * voice.rate * 2 ** (0.38 * view.arousal)
    phase = np.cumsum(rate) / CONTROL_RATE + random.uniform()
    syllable = phase.astype(int)
    place = phase - syllable
    count = int(syllable[-1]) + 1
    stress = random.uniform(0.75, 1.0, size=count)
    pauses = random.uniform(size=count) < 0.1
    pauses[1:] &= ~pauses[:-1]
    stress[pauses] = 0.0
    hissing = (random.uniform(size=count) < 0.45) & ~pauses
    vowels = _VOWELS[random.integers(len(_VOWELS), size=count)]
    sounding = np.sin(np.pi * place) ** 0.6 * stress[syllable] * turn
    return Speech(
        energy=gaussian_filter1d(sounding, 1.2),
        hiss=np.exp(-(((place - 0.08) / 0.06) ** 2)) * hissing[syllable] * turn,
        accent=np.sin(2 * np.pi * place) * stress[syllable],
        formants=gaussian_filter1d(vowels[syllable].astype(np.float64), 3.0, axis=0),
    )


def _pulses(pitch: Samples, rate: int) -> Samples:
    """Make a band-limited train of unit-energy pulses: the closed sum of all cosines below half the sample rate."""
    phase = np.cumsum(pitch) / rate
    harmonics = np.floor(0.45 * rate / pitch)
    angle = np.pi * (phase % 1.0)
    below = np.sin(angle)
    safe = np.where(np.abs(below) < 1e-6, 1.0, below)
    total = np.where(np.abs(below) < 1e-6, 2 * harmonics + 1, np.sin((2 * harmonics + 1) * angle) / safe)
    return np.asarray((total - 1) / np.sqrt(2 * harmonics), dtype=np.float64)


def _resonance(frequency: Samples, centre: Samples, width: Samples) -> Samples:
    """Magnitude of a two-pole resonance, 1 at frequency 0; (frames, 1) against (1, bins)."""
    return np.asarray(centre**2 / np.sqrt((centre**2 - frequency**2) ** 2 + (width * frequency) ** 2), dtype=np.float64)


def _filter(frequency: Samples, view: View, speech: Speech, voice: Voice, points: Samples) -> Samples:
    """Magnitude (frames, bins) of vocal tract and spectral tilt at the times `points`."""
    valence, arousal = at(points, view.valence)[:, None], at(points, view.arousal)[:, None]
    size = voice.formants * (1 + 0.13 * valence)
    total = np.ones((len(points), len(frequency)))
    tracks = [at(points, speech.formants[:, index])[:, None] * size for index in range(3)]
    tracks += [np.full((len(points), 1), centre) * size for centre in _HIGHER_FORMANTS]
    for index, centre in enumerate(tracks):
        total *= _resonance(frequency[None], centre, np.asarray(70.0 + 45.0 * index))
    tilt = -4.0 + 3.0 * arousal
    octaves = np.log2(np.maximum(frequency, 150.0) / 500.0)[None]
    return total * 10 ** (tilt * octaves / 20) * (frequency > 60)


def synthesise(
    view: View, speech: Speech, voice: Voice, random: np.random.Generator, *, seconds: float, rate: int
) -> Samples:
    """Turn a chain of syllables into sound.

    Returns
    -------
    (seconds * rate,) samples in about [-1, 1]
    """
    count = round(seconds * rate)
    times = np.arange(count) / rate
    valence, arousal = at(times, view.valence), at(times, view.arousal)
    spread = 0.05 + 0.03 * valence
    pitch = voice.pitch * 2 ** (0.32 * arousal + spread * at(times, speech.accent))
    pitch *= 1 + 0.006 * np.sin(2 * np.pi * 5.3 * times)
    breath = np.clip(0.33 - 0.28 * valence, 0.02, 0.9)
    noise = random.standard_normal(count)
    source = np.sqrt(1 - breath**2) * _pulses(pitch, rate) + breath * noise
    gain = 10 ** ((LEVEL_DB + 6.5 * arousal) / 20)
    energy, hiss = at(times, speech.energy), at(times, speech.hiss)

    window, hop = int(_WINDOW * rate) // 2 * 2, int(_HOP * rate)
    starts = np.arange(0, count + window, hop)
    taper = np.hanning(window + 1)[:-1]
    frequency = np.asarray(np.fft.rfftfreq(2 * window, 1 / rate), dtype=np.float64)
    shape = _filter(frequency, view, speech, voice, starts / rate)
    # The tract's loudness varies from vowel to vowel and with the tilt; energy alone shall say how loud speech is.
    shape /= np.sqrt((shape**2).mean(axis=1, keepdims=True) * 2)
    padded = np.concatenate([np.zeros(window // 2), source, np.zeros(2 * window + hop)])
    out = np.zeros(len(padded) + window)
    for start, magnitude in zip(starts, shape, strict=True):
        piece = np.fft.rfft(padded[start : start + window] * taper, 2 * window) * magnitude
        # A magnitude alone is a filter without delay that rings both ways; half a window of shift keeps it whole.
        out[start : start + 2 * window] += np.roll(np.fft.irfft(piece, 2 * window), window // 2)
    overlap = window / hop / 2
    voiced = out[window : window + count] / overlap
    bursts = np.diff(noise, prepend=0.0) * 0.12
    return np.asarray(gain * (energy * voiced * 1.4 + hiss * bursts), dtype=np.float64)
