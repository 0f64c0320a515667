"""Simulated embeddings of two modalities whose reliability is known at every frame.

Valence and arousal run as in the demo corpus (`pipeline.demo.latent`): smooth courses, of which each modality shows a
view behind slow noise of its own, the face more of valence, the voice more of arousal. An embedding is a linear mixture
of what is shown, of slow and of white nuisance, and of what is peculiar to a subject: a constant offset, and a way of
its own of showing affect. Both trials of a subject share these, so a model that has learnt the subjects rather than the
affect fails on others.

For stretches of time one of the two modalities is impaired:

* weak: its noise is `WEAKER` times as large;
* useless: it shows nothing of the affect, and has a look of its own (a covered face, a dead microphone);
* contradictory: it shows the opposite of the affect, and gives a faint sign of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.demo.config import NoiseLevels
from pipeline.demo.latent import CONTROL_RATE, Affect, at, smooth_noise, stream, view

Matrix = npt.NDArray[np.float64]

MODALITIES = ("visual", "audio")
USEFUL, WEAK, USELESS, CONTRADICTORY = "useful", "weak", "useless", "contradictory"
STATES = (USEFUL, WEAK, USELESS, CONTRADICTORY)
SHARES = {WEAK: 0.3, USELESS: 0.4, CONTRADICTORY: 0.3}
"""How often an impaired stretch is of each kind."""

RATE, SECONDS = 15.0, 12.0
"""Frames per second, and length of a trial."""

PERIOD = 3.5
"""Seconds between two upward zero crossings of valence or arousal."""

STRETCHES, SHORTEST, LONGEST = 3, 1.5, 3.0
"""Impaired stretches of a trial, and how many seconds each lasts."""

WEAKER = 3.0
"""Noise of a weak stretch, as a multiple of the ordinary."""

PER_SUBJECT = 2
"""Trials of each subject."""


@dataclass(frozen=True)
class Modality:
    """How one modality's embedding is made; sizes are standard deviations summed over all its dimensions.

    Parameters
    ----------
    width : of the embedding
    levels : slow noise of valence and arousal, relative to the affect
    affect : size of what shows the affect
    own : of each subject's own way of showing it, relative to the common way
    offset : of what is constant in a subject
    slow, slow_dimensions : size of slow nuisance, and in how many directions
    white : size of the noise of single frames
    look : distance that a useless stretch moves the embedding
    sign : distance that a contradictory one does
    varied : how much each stretch has of its own, relative to `look` or `sign`
    """

    width: int
    levels: NoiseLevels
    affect: float
    own: float
    offset: float
    slow: float
    slow_dimensions: int
    white: float
    look: float
    sign: float
    varied: float


NOISE = {
    "visual": Modality(
        width=64,
        levels=NoiseLevels(valence=0.6, arousal=1.0),
        affect=1.2,
        own=0.5,
        offset=1.2,
        slow=1.5,
        slow_dimensions=16,
        white=2.0,
        look=3.5,
        sign=1.0,
        varied=0.5,
    ),
    "audio": Modality(
        width=64,
        levels=NoiseLevels(valence=1.0, arousal=0.6),
        affect=1.0,
        own=1.1,
        offset=0.9,
        slow=0.8,
        slow_dimensions=16,
        white=3.0,
        look=4.0,
        sign=1.0,
        varied=0.5,
    ),
}
"""Matched to the demo's own features by the figures of benchmarks/_complementarity_noise.py."""


@dataclass(frozen=True)
class Trial:
    """One simulated trial.

    Parameters
    ----------
    name, subject : for people
    features : (t, d_m) float32 by modality
    labels : (t, 2) float32, valence and arousal
    states : (t,) by modality, a place in `STATES`
    """

    name: str
    subject: str
    features: Mapping[str, npt.NDArray[np.float32]]
    labels: npt.NDArray[np.float32]
    states: Mapping[str, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class World:
    """What all trials share: the directions in which each modality shows what there is.

    Parameters
    ----------
    seed : two worlds differ in all that is random
    modalities : how each embedding is made, by name
    shares : how often an impaired stretch is of each kind
    """

    seed: int
    modalities: Mapping[str, Modality] = field(default_factory=lambda: NOISE)
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    bases: Mapping[str, Mapping[str, Matrix]] = field(init=False)

    def __post_init__(self) -> None:
        bases = {}
        for name, of in self.modalities.items():
            random = stream(self.seed, "world", name)
            bases[name] = {
                "affect": _directions(random, 2, of.width),
                "slow": _directions(random, of.slow_dimensions, of.width),
                USELESS: _directions(random, 2, of.width),
                CONTRADICTORY: _directions(random, 1, of.width),
            }
        object.__setattr__(self, "bases", bases)

    def trial(self, group: str, number: int) -> Trial:
        """Draw trial `number` of a group of subjects; no other number changes it."""
        subject, name = f"{group}-{number // PER_SUBJECT}", f"{group}-{number:04}"
        frames = round(SECONDS * RATE)
        times, count = np.arange(frames) / RATE, round(SECONDS * CONTROL_RATE) + 1
        random = stream(self.seed, name, "affect")
        courses = [
            np.tanh(1.1 * smooth_noise(random, count, period=PERIOD * random.uniform(0.75, 1.3))) for _ in range(2)
        ]
        affect = Affect(valence=courses[0], arousal=courses[1])
        states = impairments(stream(self.seed, name, "states"), times, self.shares)
        features = {
            modality: self._embed(modality, subject, name, affect, times, states[modality])
            for modality in self.modalities
        }
        labels = np.stack([at(times, affect.valence), at(times, affect.arousal)], axis=1).astype(np.float32)
        return Trial(name, subject, features, labels, states)

    def _embed(
        self, modality: str, subject: str, name: str, affect: Affect, times: Matrix, states: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        of, bases = self.modalities[modality], self.bases[modality]
        person = stream(self.seed, subject, modality, "person")
        own = of.own * _directions(person, 2, of.width)
        offset = of.offset * person.standard_normal(of.width) / np.sqrt(of.width)
        random = stream(self.seed, name, modality)
        shown = _shown(of, affect, times, states, random)
        count = len(affect.valence)
        slow = [at(times, smooth_noise(random, count, period=PERIOD)) for _ in range(of.slow_dimensions)]
        white = random.standard_normal((len(times), of.width)) / np.sqrt(of.width)
        x = offset + of.affect * shown @ (bases["affect"] + own) + of.white * white
        x += of.slow / np.sqrt(of.slow_dimensions) * np.stack(slow, axis=1) @ bases["slow"]
        for state, distance in ((USELESS, of.look), (CONTRADICTORY, of.sign)):
            for start, end in _runs(states == STATES.index(state)):
                kind = bases[state][random.integers(len(bases[state]))]
                peculiar = of.varied * random.standard_normal(of.width) / np.sqrt(of.width)
                x[start:end] += distance * (kind + peculiar)
        return np.asarray(x, dtype=np.float32)


def impairments(
    random: np.random.Generator, times: Matrix, shares: Mapping[str, float]
) -> dict[str, npt.NDArray[np.int64]]:
    """Draw when which modality is impaired, and how: never both at a time, and each about as often."""
    states = {modality: np.zeros(len(times), dtype=np.int64) for modality in MODALITIES}
    slot = (times[-1] + 1 / RATE) / STRETCHES
    first = int(random.integers(2))
    for place in range(STRETCHES):
        length = random.uniform(SHORTEST, LONGEST)
        start = place * slot + random.uniform(0, slot - length)
        state = random.choice(list(shares), p=list(shares.values()))
        inside = (times >= start) & (times < start + length)
        states[MODALITIES[(first + place) % 2]][inside] = STATES.index(str(state))
    return states


def _shown(
    of: Modality, affect: Affect, times: Matrix, states: npt.NDArray[np.int64], random: np.random.Generator
) -> Matrix:
    """Return what a modality shows of valence and arousal at each frame, (t, 2)."""
    weak = NoiseLevels(valence=WEAKER * of.levels.valence, arousal=WEAKER * of.levels.arousal)
    opposite = Affect(valence=-affect.valence, arousal=-affect.arousal)
    views = [
        view(affect, of.levels, random, period=PERIOD),
        view(affect, weak, random, period=PERIOD),
        None,
        view(opposite, of.levels, random, period=PERIOD),
    ]
    curves = np.stack(
        [
            np.zeros((len(times), 2))
            if one is None
            else np.stack([at(times, one.valence), at(times, one.arousal)], axis=1)
            for one in views
        ]
    )
    return np.asarray(curves[states, np.arange(len(times))])


def _directions(random: np.random.Generator, count: int, width: int) -> Matrix:
    """Draw `count` random directions of length one, (count, width)."""
    found = random.standard_normal((count, width))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def _runs(marks: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and one past the last frame of each run of marked frames."""
    edges = np.flatnonzero(np.diff(np.r_[False, marks, False].astype(np.int64)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
