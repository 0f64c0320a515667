"""What training and fine-tuning write for a model: folds, metrics and learning curves."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.runtime.files import assemble, replacing, replacing_file
from pipeline.runtime.layout import METRICS, MODELS, PLOTS
from pipeline.training.history import FOLD, HISTORY, History


def write_model(name: str, folds: Sequence[Path]) -> None:
    """Write models/<name>/fold<k>.safetensors, metrics/train/<name>.json and plots/train/<name>.csv.

    Parameters
    ----------
    name : of the model
    folds : directory of each fold's item, which holds `FOLD` and `HISTORY`
    """
    histories = [History.read(fold / HISTORY) for fold in folds]
    with replacing(MODELS / name) as out:
        for number, fold in enumerate(folds):
            assemble(fold / FOLD, out / f"fold{number}.safetensors")
    with replacing_file(METRICS / "train" / f"{name}.json") as file:
        write_metrics(file, histories)
    with replacing_file(PLOTS / "train" / f"{name}.csv") as file:
        write_curves(file, histories)


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
