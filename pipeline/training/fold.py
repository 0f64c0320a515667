"""The item function that trains one fold: one network for all targets, or one for each."""

from pathlib import Path
from typing import Any

from pipeline.models.trained import SeparateTargets, StandardisedNetwork, TrainedFold
from pipeline.runtime.device import current_device
from pipeline.training.history import FOLD, HISTORY, History
from pipeline.training.loop import FoldTask, FoldTraining


def train_fold(task: FoldTask, directory: Path) -> None:
    """Train one fold; write `FOLD` (the best epochs' weights) and `HISTORY`.

    A run that was killed continues after its last finished epoch and ends with the same bytes.

    Raises
    ------
    InputError
        The fold has no annotated frames to learn from, or to validate on.
    """
    groups = [None] if task.training.targets == "joint" else [(target,) for target in task.targets]
    runs = [FoldTraining(task, current_device(), targets=group) for group in groups]
    for run in runs:
        run.run()
        run.restore_best()
    _write(runs, directory)
    for run in runs:
        run.checkpoint.unlink(missing_ok=True)


def _write(runs: list[FoldTraining], directory: Path) -> None:
    task = runs[0].task
    p = sum(run.best_row["p"] for run in runs) / len(runs)
    metadata: dict[str, Any] = {
        "fold": task.fold,
        "model": task.model.architecture(),
        "training": task.training.model_dump(mode="json"),
        "targets": list(task.targets),
        "ranges": [list(limits) for limits in task.targets.values()],
        "in_features": runs[0].in_features,
        "views": runs[0].views,
        "seed": runs[0].seed,
        "best_epoch": [run.best_epoch for run in runs],
        "epochs": [run.epochs for run in runs],
        "p": p,
    }
    network: StandardisedNetwork | SeparateTargets = runs[0].network
    if task.training.targets == "separate":
        network = SeparateTargets({run.targets[0]: run.network for run in runs})
    TrainedFold(network, metadata).save(directory / FOLD)
    summary = {"p": p, "best_epoch": max(metadata["best_epoch"]), "epochs": max(metadata["epochs"])}
    rows = [_merge(runs, epoch) for epoch in range(max(metadata["epochs"]))]
    History(summary, rows).write(directory / HISTORY)


def _merge(runs: list[FoldTraining], epoch: int) -> dict[str, float]:
    """Return one row for an epoch of all runs; of a run that has ended, its last."""
    rows = [run.history[min(epoch, len(run.history) - 1)] for run in runs]
    scores = {name: value for row in rows for name, value in row.items() if name.endswith("_ccc")}
    return {
        "epoch": epoch,
        "lr": max(row["lr"] for row in rows),
        "train_loss": sum(row["train_loss"] for row in rows) / len(rows),
        **scores,
        "p": sum(scores.values()) / len(scores),
    }
