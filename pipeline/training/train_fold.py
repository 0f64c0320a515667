"""The item function that trains one fold: one network for all targets, or one for each."""

import json
from pathlib import Path
from typing import Any

from pipeline.models.trained import SeparateTargets, StandardisedNetwork, TrainedFold
from pipeline.runtime.device import current_device
from pipeline.training.fold import FoldTask, FoldTraining


def train_fold(task: FoldTask, directory: Path) -> None:
    """Train one fold; write ``fold.safetensors`` (the best epochs' weights) and ``history.json``.

    A run that was killed goes on after its last finished epoch and ends with the same bytes.

    Raises
    ------
    InputError
        The fold has no annotated frames to learn from, or to validate on.
    """
    groups = [None] if task.training.targets == "joint" else [(target,) for target in task.targets]
    runs = [FoldTraining(task, current_device(), targets=group) for group in groups]
    for run in runs:
        run.start()
        while not run.finished:
            run.run_epoch()
            run.save()
    _write(runs, directory)
    for run in runs:
        run.checkpoint.unlink(missing_ok=True)


def _write(runs: list[FoldTraining], directory: Path) -> None:
    task = runs[0].task
    best = [run.history[run.best_epoch] for run in runs]
    p = sum(row["p"] for row in best) / len(best)
    metadata: dict[str, Any] = {
        "fold": task.fold,
        "model": task.model.architecture(),
        "training": task.training.model_dump(mode="json"),
        "targets": list(task.targets),
        "ranges": [list(limits) for limits in task.targets.values()],
        "in_features": runs[0].in_features,
        **_views(runs[0]),
        "seed": task.training.seed + task.fold,
        "best_epoch": [run.best_epoch for run in runs],
        "epochs": [len(run.history) for run in runs],
        "p": p,
    }
    network: StandardisedNetwork | SeparateTargets = runs[0].best_network
    if task.training.targets == "separate":
        network = SeparateTargets({run.targets[0]: run.best_network for run in runs})
    TrainedFold(network, metadata).save(directory / "fold.safetensors")
    summary = {"p": p, "best_epoch": max(metadata["best_epoch"]), "epochs": max(metadata["epochs"])}
    record = {"summary": summary, "rows": [_merge(runs, epoch) for epoch in range(summary["epochs"])]}
    (directory / "history.json").write_text(json.dumps(record, indent=0), encoding="utf-8")


def _views(run: FoldTraining) -> dict[str, Any]:
    """Return which views were learnt from and which are looked at to predict; nothing where there is only one."""
    if not run.views:
        return {}
    return {"views": run.views, "evaluation_views": run.config.evaluation_views}


def _merge(runs: list[FoldTraining], epoch: int) -> dict[str, float]:
    """Return one row for an epoch of all runs; a run that has ended stands at its last epoch."""
    rows = [run.history[min(epoch, len(run.history) - 1)] for run in runs]
    scores = {name: value for row in rows for name, value in row.items() if name.endswith("_ccc")}
    return {
        "epoch": epoch,
        "lr": max(row["lr"] for row in rows),
        "train_loss": sum(row["train_loss"] for row in rows) / len(rows),
        **scores,
        "p": sum(scores.values()) / len(scores),
    }
