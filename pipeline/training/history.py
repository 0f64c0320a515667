"""The course of a training as DVC understands it: metrics of the best epochs, and a row per fold and epoch to plot."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class History:
    """One fold's training.

    Parameters
    ----------
    summary : p and epoch of the best epoch, and how many epochs there were
    rows : epoch, lr, train_loss, each target's validation CCC, and their mean p
    """

    summary: dict[str, float]
    rows: list[dict[str, float]]

    @classmethod
    def read(cls, path: Path) -> "History":
        """Read what `train_fold` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def write_metrics(path: Path, histories: Sequence[History]) -> None:
    """Write the mean over folds of the best validation P, and each fold's own."""
    figures = {
        "p": sum(history.summary["p"] for history in histories) / len(histories),
        "folds": {str(number): history.summary for number, history in enumerate(histories)},
    }
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def write_curves(path: Path, histories: Sequence[History]) -> None:
    """Write a CSV with the columns fold, epoch, lr, train_loss, each target's CCC, and p."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=["fold", *histories[0].rows[0]], lineterminator="\n")
        writer.writeheader()
        for number, history in enumerate(histories):
            writer.writerows({"fold": number, **row} for row in history.rows)
