"""Latent valence and arousal, and the noisy view of them that each modality shows.

All curves live on one control grid of `CONTROL_RATE` points per second. A view is unit-variance:
`(latent / sd + level * noise) / sqrt(1 + level^2)`, with noise as slow as the latent, so that no smoothing removes it.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.demo.config import DemoConfig, NoiseLevels

Curve = npt.NDArray[np.float64]
"""One value per point of the control grid."""

CONTROL_RATE = 100.0
"""Points of the control grid per second."""

SHARED = 0.8
"""How much of two conversing subjects' affect is common, as a correlation of each with the common course."""


@dataclass(frozen=True)
class Affect:
    """Latent valence and arousal of one subject in one video, each a (n,) curve within (-1, 1)."""

    valence: Curve
    arousal: Curve


@dataclass(frozen=True)
class View:
    """What one modality shows of the affect: two (n,) curves of about unit variance."""

    valence: Curve
    arousal: Curve


def stream(seed: int, *names: str) -> np.random.Generator:
    """Make the random stream of (seed, names), which no other trial's size or number can shift."""
    digest = hashlib.sha256("/".join((str(seed), *names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def smooth_noise(random: np.random.Generator, count: int, *, period: float) -> Curve:
    """Draw Gaussian noise with a mean time `period` (s) between upward zero crossings, standardised over its length.

    White noise under a Gaussian of width sigma crosses zero upwards every 2 sqrt(2) pi sigma (Rice's formula).
    """
    from scipy.ndimage import gaussian_filter1d  # slow to load, and most runs render nothing

    sigma = period / (2 * np.sqrt(2) * np.pi) * CONTROL_RATE
    pad = int(4 * sigma) + 1
    smooth = gaussian_filter1d(random.standard_normal(count + 2 * pad), sigma)[pad : pad + count]
    return np.asarray((smooth - smooth.mean()) / smooth.std(), dtype=np.float64)


def _course(random: np.random.Generator, count: int, config: DemoConfig) -> Curve:
    return smooth_noise(random, count, period=config.latent_period * random.uniform(0.75, 1.3))


def affects(config: DemoConfig, video: str, subjects: tuple[str, ...], count: int) -> list[Affect]:
    """Draw the latent affect of every subject of one video; conversing subjects share part of its course.

    Parameters
    ----------
    video : name that seeds the streams, together with the subjects' places
    subjects : the persons seen in the video
    count : points of the control grid
    """
    common = stream(config.seed, video, "latent")
    shared = [_course(common, count, config) for _ in range(2)]
    result = []
    for place in range(len(subjects)):
        own = stream(config.seed, video, "latent", str(place))
        curves = []
        for course in shared:
            mixed = course
            if len(subjects) > 1:
                mixed = SHARED * course + np.sqrt(1 - SHARED**2) * _course(own, count, config)
            mixed = (mixed - mixed.mean()) / mixed.std()
            curves.append(np.tanh(1.1 * mixed))
        result.append(Affect(valence=curves[0], arousal=curves[1]))
    return result


def view(affect: Affect, levels: NoiseLevels, random: np.random.Generator, *, period: float) -> View:
    """Hide the affect behind the slow noise of one modality."""

    def hide(latent: Curve, level: float) -> Curve:
        noise = smooth_noise(random, len(latent), period=period)
        mixed = (latent / latent.std() + level * noise) / np.sqrt(1 + level**2)
        # Extreme sums are bent, so that a face cannot leave the range its drawing allows.
        return np.asarray(1.8 * np.tanh(mixed / 1.8), dtype=np.float64)

    return View(valence=hide(affect.valence, levels.valence), arousal=hide(affect.arousal, levels.arousal))


def at(times: npt.NDArray[np.float64], curve: Curve) -> npt.NDArray[np.float64]:
    """Read a curve at `times` (s), holding its ends."""
    return np.interp(times, np.arange(len(curve)) / CONTROL_RATE, curve)
