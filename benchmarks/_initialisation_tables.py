"""The tables of docs/gating.md on the start, from the trainings of benchmarks/initialisation.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks._demo import pm, table
from benchmarks._initialisation_start import Start, mean
from pipeline.evaluation.metrics import mean_and_sd
from pipeline.training.history import History

EPOCH = 5
CONCATENATION, STRAIGHT, RECTIFIED = "concatenation", "X straight into GRJCA's head", "ReLU(X) into GRJCA's head"
JCA, JCA_XAVIER = "**JCA, W_h = 0**", "JCA, all Xavier"
RJCA, RJCA_XAVIER = "**RJCA, W_h = 0**", "RJCA, all Xavier"
GRJCA, GRJCA_XAVIER = "**GRJCA, W_h = 0**", "GRJCA, all Xavier"
SMALL_HEAD = "GRJCA, all Xavier, the head's last layer × 0.05"
BOUNDED = "GRJCA, all Xavier, tanh within H"
NO_RELU, FAN_IN = "GRJCA, W_h = 0, without the ReLUs of eq. 12-15", "the same, W_j and W_c uniform by fan-in"

PAIRS = (
    (RECTIFIED, STRAIGHT, "the ReLUs alone"),
    (GRJCA, RECTIFIED, "attention and gates, with the ReLUs"),
    (NO_RELU, STRAIGHT, "attention and gates, without the ReLUs"),
    (GRJCA, NO_RELU, "the ReLUs, with attention and gates"),
    (RJCA, STRAIGHT, "two iterations of attention"),
    (JCA, STRAIGHT, "one iteration of attention"),
    (STRAIGHT, CONCATENATION, "the head instead of a fully connected layer and the head"),
    (GRJCA, CONCATENATION, "all of GRJCA"),
)
CURVES = (GRJCA, GRJCA_XAVIER, RJCA, RJCA_XAVIER, CONCATENATION)


@dataclass(frozen=True)
class Training:
    """The history of each fold of one model, trained with one seed."""

    folds: tuple[History, ...]

    @property
    def p(self) -> float:
        """Best validation P, mean over folds."""
        return float(np.mean([fold.summary["p"] for fold in self.folds]))

    def loss(self, epoch: int) -> float:
        """Training loss of an epoch counted from 1, mean over folds; of a fold that stopped before, its last."""
        return float(np.mean([fold.rows[min(epoch, len(fold.rows)) - 1]["train_loss"] for fold in self.folds]))


Trained = Mapping[str, Sequence[Training]]


def results_table(trained: Trained) -> str:
    """Return P and the loss at an early epoch, over seeds."""
    rows = [
        [name, pm([seed.p for seed in seeds]), pm([seed.loss(EPOCH) for seed in seeds], digits=2)]
        for name, seeds in trained.items()
    ]
    return table(["", "P", f"loss, epoch {EPOCH}"], rows)


def differences_table(trained: Trained) -> str:
    """Return what each part is worth: differences in P, paired by seed."""
    rows = []
    for first, second, meaning in PAIRS:
        pairs = zip(trained[first], trained[second], strict=True)
        differences = [one.p - other.p for one, other in pairs]
        low, high = interval(differences)
        rows.append([meaning, f"{plain(first)} less {plain(second)}", f"{pm(differences)} [{low:.3f}, {high:.3f}]"])
    return table(["part", "difference", "P"], rows)


def interval(values: Sequence[float], *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the mean of `values`, by Student's t."""
    centre, sd = mean_and_sd(list(values))
    reach = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * sd / len(values) ** 0.5
    return centre - reach, centre + reach


def plain(name: str) -> str:
    """Return a row's name without emphasis."""
    return name.strip("*")


def start_table(starts: Mapping[str, Sequence[Start]]) -> str:
    """Return what the first batches find: sizes, saturation and gradients."""
    longest = max(len(seeds[0].saturated) for seeds in starts.values())
    rows = []
    for name, seeds in starts.items():
        one = mean(seeds)
        sizes = [f"{audio:.1f}, {visual:.1f}" for audio, visual in one.sizes]
        shares = [f"{100 * share:.0f} %" for share in one.saturated]
        cells = [*sizes, *[""] * (longest + 1 - len(sizes)), *shares, *[""] * (longest - len(shares))]
        gradients = [seed.gradient for seed in seeds]
        rows.append([name, *cells, f"{100 * one.at_ends:.0f} %", f"{min(gradients):.1f} to {max(gradients):.1f}"])
    after = [f"after iteration {number}" for number in range(1, longest + 1)]
    beyond = [f"C beyond 0.99, iteration {number}" for number in range(1, longest + 1)]
    header = ["", "encoded audio, visual", *after, *beyond, "predictions at ±1", "gradient of the encoders"]
    return table(header, rows)


def sections(trained: Trained, starts: Mapping[str, Sequence[Start]]) -> dict[str, str]:
    """Return all tables by the name of their place in the page."""
    return {
        "initialisation": results_table(trained),
        "parts": differences_table(trained),
        "start": start_table(starts),
    }


def curves(trained: Trained) -> dict[str, list[list[float]]]:
    """Return the training loss of every fold and seed by epoch, of the rows that are drawn."""
    return {
        plain(name): [[row["train_loss"] for row in fold.rows] for seed in trained[name] for fold in seed.folds]
        for name in CURVES
    }
