"""The script of one video: its time line, its subjects' affect, and what goes wrong where.

A plan is cheap and depends on nothing but the configuration and the video's name, so that the process which renders a
video and the one which lists all useless segments agree without talking.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pipeline.demo import segments
from pipeline.demo.config import DemoConfig
from pipeline.demo.latent import CONTROL_RATE, Affect, affects, at, stream
from pipeline.demo.roster import Quirk, Video
from pipeline.demo.segments import Segment

VARIABLE_STEPS = (33, 40, 50, 67)
"""Milliseconds between two frames of a video with a variable frame rate."""

MARGIN = 1.0
"""Seconds by which the curves outlast the video, for label rows beyond its last frame."""

UNANNOTATED = -5.0


@dataclass(frozen=True)
class Plan:
    """What happens in one video.

    Parameters
    ----------
    video : its entry in the roster
    ticks : (T,) int64, presentation time of each frame in units of `time_base`
    time_base : seconds per tick
    affects : latent valence and arousal of each person, from left to right
    visual : useless segments of each person's face
    audio : useless segments of the voice track, which all subjects share
    """

    video: Video
    ticks: npt.NDArray[np.int64]
    time_base: Fraction
    affects: tuple[Affect, ...]
    visual: tuple[tuple[Segment, ...], ...]
    audio: tuple[Segment, ...]

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Presentation time of each frame, in seconds."""
        return np.asarray(self.ticks * float(self.time_base), dtype=np.float64)

    @property
    def seconds(self) -> float:
        """Length of the video: the last frame lasts as long as the one before it."""
        return float(2 * self.ticks[-1] - self.ticks[-2]) * float(self.time_base)

    @property
    def controls(self) -> int:
        """Points of the control grid, `MARGIN` beyond the end included."""
        return len(self.affects[0].valence)


def plan(config: DemoConfig, video: Video) -> Plan:
    """Write the script of `video`."""
    random = stream(config.seed, video.name, "plan")
    length = config.seconds * random.uniform(0.9, 1.1)
    ticks, time_base = _time_line(random, video.rate, length)
    count = int(np.ceil((length + MARGIN) * CONTROL_RATE)) + 1
    useless = [
        segments.useless(
            stream(config.seed, video.name, "useless", str(place)),
            seconds=length,
            share=config.useless_share,
            position=video.position,
        )
        for place in range(len(video.subjects))
    ]
    return Plan(
        video=video,
        ticks=ticks,
        time_base=time_base,
        affects=tuple(affects(config, video.name, video.subjects, count)),
        visual=tuple(tuple(s for s in found if s.modality == "visual") for found in useless),
        audio=tuple(s for s in useless[0] if s.modality == "audio"),
    )


def _time_line(
    random: np.random.Generator, rate: Fraction | None, length: float
) -> tuple[npt.NDArray[np.int64], Fraction]:
    if rate is not None:
        return np.arange(round(length * rate), dtype=np.int64), 1 / rate
    # The rate drifts: long stretches prefer one step, as a phone camera does when the light changes.
    steps = random.choice(VARIABLE_STEPS, size=1 + int(length * 1000 / VARIABLE_STEPS[0]))
    held = np.repeat(random.choice(VARIABLE_STEPS, size=1 + len(steps) // 25), 25)[: len(steps)]
    mixed = np.where(random.uniform(size=len(steps)) < 0.7, held, steps)
    ticks = np.concatenate([[0], np.cumsum(mixed)])
    return ticks[ticks < length * 1000].astype(np.int64), Fraction(1, 1000)


@dataclass(frozen=True)
class TrialFiles:
    """What the files of one trial hold.

    Parameters
    ----------
    labels : (R, 2) valence and arousal per row, -5 where un-annotated
    truth : (R, 2) the same without gaps
    missing : 0-based numbers of the frames whose face was lost
    images : number of the last image, 1-based
    """

    labels: npt.NDArray[np.float64]
    truth: npt.NDArray[np.float64]
    missing: frozenset[int]
    images: int


def trial_files(config: DemoConfig, script: Plan, place: int) -> TrialFiles:
    """Decide rows and images of the trial of the person at `place`."""
    random = stream(config.seed, script.video.trials[place], "files")
    quirks = script.video.quirks
    frames = len(script.ticks)
    rows = frames
    images = frames
    if Quirk.LABELS_LONGER in quirks:
        rows += 3
    if Quirk.LABELS_SHORTER in quirks:
        rows -= 4
    if Quirk.IMAGES_BEYOND in quirks:
        rows += 2
        images += 2
    step = script.times[-1] - script.times[-2]
    times = np.concatenate([script.times, script.times[-1] + step * np.arange(1, 4)])[:rows]
    affect = script.affects[place]
    truth = np.stack([at(times, affect.valence), at(times, affect.arousal)], axis=1)
    labels = truth.copy()
    missing: set[int] = set()
    if Quirk.GAPS in quirks:
        missing = segments.runs(random, frames=frames, count=2)
        labels[sorted(segments.runs(random, frames=frames, count=1))] = UNANNOTATED
        labels[: int(random.integers(2, 6))] = UNANNOTATED
        # Some rows lack one target only; they count as un-annotated all the same.
        labels[random.integers(6, frames, size=2), (0, 1)] = UNANNOTATED
    return TrialFiles(labels=labels, truth=truth, missing=frozenset(missing), images=images)
