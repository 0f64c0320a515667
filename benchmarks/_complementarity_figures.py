"""The numbers behind docs/complementarity.md: P by condition, leads with intervals, and what gates tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks._complementarity_runs import FACE, VOICE, Predicted, Runs
from benchmarks._complementarity_simulation import CONTRADICTORY, MODALITIES, STATES, USELESS, WEAK, Trial
from benchmarks._gating_figures import separation
from pipeline.report.significance import LEVEL, RESAMPLES, Interval

CLEAN = "clean"
CONDITIONS = (CLEAN, USELESS, CONTRADICTORY, WEAK)
ALONE = "the other modality alone"
"""The model of one modality that is not impaired at a frame: what leaving the impaired one out would give."""

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float64]


def masks(trials: Sequence[Trial]) -> dict[str, Mask]:
    """Mark the frames of each condition over all trials, (t,); one modality at most is impaired at a time."""
    states = {modality: np.concatenate([one.states[modality] for one in trials]) for modality in MODALITIES}
    found = {CLEAN: np.all([of == 0 for of in states.values()], axis=0)}
    for state in STATES[1:]:
        found[state] = np.any([of == STATES.index(state) for of in states.values()], axis=0)
        for modality, of in states.items():
            found[f"{modality} {state}"] = of == STATES.index(state)
    return found


def other_alone(face: Predicted, voice: Predicted, trials: Sequence[Trial]) -> Predicted:
    """Return the predictions from the voice alone where the face is impaired, and from the face elsewhere."""
    impaired = np.concatenate([one.states["visual"] for one in trials]) > 0
    return Predicted(np.where(impaired[:, None], voice.predictions, face.predictions), {})


def with_other_alone(runs: Runs, trials: Sequence[Trial]) -> dict[str, Mapping[int, Sequence[Predicted]]]:
    """Return the runs with those of `ALONE`."""
    pairs = {size: zip(runs[FACE][size], runs[VOICE][size], strict=True) for size in runs[FACE]}
    alone = {size: [other_alone(face, voice, trials) for face, voice in of_size] for size, of_size in pairs.items()}
    return {**runs, ALONE: alone}


def moments(runs: Sequence[Predicted], trials: Sequence[Trial], condition: str) -> Array:
    """Return the sums from which P follows, by draw, subject and target: n, y, p, yy, pp, yp; (draws, subjects, k, 6).

    Only frames of the condition count.
    """
    inside = masks(trials)[condition].astype(np.float64)[:, None]
    labels = np.concatenate([one.labels for one in trials]).astype(np.float64)
    names = sorted({one.subject for one in trials})
    subject = np.concatenate([np.full(len(one.labels), names.index(one.subject)) for one in trials])
    found = np.zeros((len(runs), len(names), labels.shape[1], 6))
    for draw, run in enumerate(runs):
        p = run.predictions.astype(np.float64)
        columns = np.stack([np.ones_like(p), labels, p, labels**2, p**2, labels * p], axis=-1) * inside[..., None]
        np.add.at(found[draw], subject, columns)
    return found


def agreement(sums: Array) -> Array:
    """Return P, the mean over targets of the CCC, of moments (..., k, 6)."""
    n = np.maximum(sums[..., 0], 1)
    y, p, yy, pp, yp = (sums[..., column] / n for column in range(1, 6))
    spread = (yy - y**2) + (pp - p**2) + (y - p) ** 2
    ccc = np.divide(2 * (yp - y * p), spread, out=np.zeros_like(spread), where=spread > 1e-12)
    return np.asarray(ccc.mean(axis=-1))


def p_by_draw(runs: Sequence[Predicted], trials: Sequence[Trial], condition: str) -> list[float]:
    """Return the P of each draw over all frames of the condition."""
    return [float(one) for one in agreement(moments(runs, trials, condition).sum(axis=1))]


@dataclass(frozen=True)
class Estimate:
    """A figure over all subjects and draws, and the same with both redrawn, (resamples,)."""

    value: float
    samples: Array

    def __sub__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value - other.value, self.samples - other.samples)

    @property
    def interval(self) -> Interval:
        """The percentile interval."""
        low, high = np.quantile(self.samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Interval(float(low), float(high))

    def __str__(self) -> str:
        """Write a difference with its interval, in bold where that leaves out zero."""
        low, high = self.interval.low, self.interval.high
        text = f"{self.value:+.3f} [{low:+.3f}, {high:+.3f}]"
        return f"**{text}**" if low > 0 or high < 0 else text


def estimate(sums: Array, *, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """Return the mean P over draws of moments (draws, subjects, k, 6), with subjects and draws resampled.

    Equal seeds draw the same subjects and draws for every model, so that differences are paired.
    """
    draws, subjects = sums.shape[:2]
    random = np.random.default_rng(seed)
    of_subjects = random.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples).astype(np.float64)
    of_draws = random.multinomial(draws, np.full(draws, 1 / draws), size=resamples) / draws
    each = agreement(np.einsum("rs,dskm->rdkm", of_subjects, sums))
    return Estimate(float(agreement(sums.sum(axis=1)).mean()), np.asarray((each * of_draws).sum(axis=1)))


def told(run: Predicted, trials: Sequence[Trial], modality: str, state: str = USELESS) -> float | None:
    """Return how well a model's weights tell the frames in which `modality` is impaired from clean ones (AUC).

    Of a reliability it is the chance that it is lower in an impaired frame; of the attention that other modalities and
    the modality itself pay to it (leader-follower) likewise. Of gates, whose sense is open, it is that of the gate and
    the sense that tell best, which favours them. None for a model without any.
    """
    marks = masks(trials)
    inside, outside = marks[f"{modality} {state}"], marks[CLEAN]
    if f"reliability_{modality}" in run.attention:
        values = run.attention[f"reliability_{modality}"]
        return separation(-values[inside], -values[outside])
    if "modalities" in run.attention:
        values = run.attention["modalities"].mean(axis=(1, 2))[:, MODALITIES.index(modality)]
        return separation(-values[inside], -values[outside])
    gates = [values.reshape(len(values), -1).T for values in run.attention.values()]
    each = [separation(gate[inside], gate[outside]) for gate in np.concatenate(gates)] if gates else []
    return max((max(one, 1 - one) for one in each), default=None)
