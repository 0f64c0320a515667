"""What training and fine-tuning write for a model: its networks, metrics and learning curves."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

from pipeline.evaluation.runs import Run
from pipeline.models.recipe import RECIPE, NetworkRecipe, Recipe, write_recipe
from pipeline.runtime.files import assemble, replacing, replacing_file, sha256_file
from pipeline.runtime.layout import METRICS, MODELS, PLOTS
from pipeline.training.history import FOLD, HISTORY, History


def write_model(name: str, trained: Mapping[Run, Path], recipe: Recipe) -> None:
    """Write networks and recipe of models/<name>, metrics/train/<name>.json and plots/train/<name>.csv.

    Parameters
    ----------
    name : of the model
    trained : directory of each training's item, which holds `FOLD` and `HISTORY`
    recipe : of the model; its networks are added here
    """
    histories = {run: History.read(directory / HISTORY) for run, directory in sorted(trained.items())}
    with replacing(MODELS / name) as out:
        for run, directory in trained.items():
            assemble(directory / FOLD, out / run.file)
        networks = {
            run.file: NetworkRecipe(fold=run.fold, repeat=run.repeat, sha256=sha256_file(out / run.file))
            for run in sorted(trained)
        }
        write_recipe(out / RECIPE, recipe.model_copy(update={"networks": networks}))
    with replacing_file(METRICS / "train" / f"{name}.json") as file:
        write_metrics(file, histories)
    with replacing_file(PLOTS / "train" / f"{name}.csv") as file:
        write_curves(file, histories)


def write_metrics(path: Path, histories: Mapping[Run, History]) -> None:
    """Write the mean of the best validation P, then each fold's summary or, of several repeats, each repeat's."""
    of_folds: dict[int, list[dict[str, float]]] = {}
    for run, history in histories.items():
        of_folds.setdefault(run.fold, []).append(history.summary)
    folds: dict[str, dict[str, object]] = {}
    for fold, (first, *further) in of_folds.items():
        summaries = [first, *further]
        p = sum(summary["p"] for summary in summaries) / len(summaries)
        repeats = {str(number): summary for number, summary in enumerate(summaries)}
        folds[str(fold)] = {"p": p, "repeats": repeats} if further else {**first}
    # Every fold has as many repeats, so the mean over all is the mean over folds of the mean over repeats.
    figures = {"p": sum(history.summary["p"] for history in histories.values()) / len(histories), "folds": folds}
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def write_curves(path: Path, histories: Mapping[Run, History]) -> None:
    """Write a CSV with the columns fold, repeat, epoch, lr, train_loss, each target's CCC, and p."""
    columns = next(iter(histories.values())).rows[0]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=[*Run._fields, *columns], lineterminator="\n")
        writer.writeheader()
        for run, history in histories.items():
            writer.writerows({**run._asdict(), **row} for row in history.rows)
