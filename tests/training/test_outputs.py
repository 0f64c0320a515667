import csv
import hashlib
import json
from pathlib import Path

import pytest

from pipeline.evaluation.runs import Run
from pipeline.models.recipe import read_recipe
from pipeline.training.history import FOLD, HISTORY, History
from pipeline.training.outputs import write_model
from tests.models.recipes import visual_recipe

ROWS = [
    {"epoch": epoch, "lr": 0.1, "train_loss": 0.5, "valence_ccc": p, "arousal_ccc": p, "p": p}
    for epoch, p in enumerate((0.25, 0.75, 0.5))
]


def test_a_models_files_hold_every_fold_and_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folds = [tmp_path / name for name in ("one", "two")]
    for number, fold in enumerate(folds):
        fold.mkdir()
        (fold / FOLD).write_text(fold.name)
        History({"p": 0.75 + number / 8, "best_epoch": 1, "epochs": 3}, ROWS).write(fold / HISTORY)
    write_model("grjca", {Run(number): fold for number, fold in enumerate(folds)}, visual_recipe())
    recipe = read_recipe(tmp_path / "models/grjca/recipe.json")
    assert {name: network.fold for name, network in recipe.networks.items()} == {
        "fold0.safetensors": 0,
        "fold1.safetensors": 1,
    }
    assert recipe.networks["fold1.safetensors"].sha256 == hashlib.sha256(b"two").hexdigest()
    assert [(tmp_path / f"models/grjca/fold{number}.safetensors").read_text() for number in (0, 1)] == ["one", "two"]
    metrics = json.loads((tmp_path / "metrics/train/grjca.json").read_text())
    assert metrics["p"] == (0.75 + 0.875) / 2
    assert {number: summary["p"] for number, summary in metrics["folds"].items()} == {"0": 0.75, "1": 0.875}
    with (tmp_path / "plots/train/grjca.csv").open() as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["fold", "repeat", *ROWS[0]]
    assert lines[1:] == [[str(fold), "0", *map(str, row.values())] for fold in (0, 1) for row in ROWS]


def test_repeats_have_files_and_figures_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    p = {Run(0): 0.5, Run(0, 1): 0.7, Run(1): 0.1, Run(1, 1): 0.5}
    trained = {}
    # In no order: what is written is sorted.
    for run in reversed(p):
        trained[run] = tmp_path / str(run)
        trained[run].mkdir()
        (trained[run] / FOLD).write_text(str(run))
        History({"p": p[run], "best_epoch": 1, "epochs": 3}, ROWS).write(trained[run] / HISTORY)
    write_model("grjca", trained, visual_recipe())
    found = {path.name: path.read_text() for path in (tmp_path / "models/grjca").glob("*.safetensors")}
    assert found == {
        "fold0.safetensors": "fold 0",
        "fold0-repeat1.safetensors": "fold 0 repeat 1",
        "fold1.safetensors": "fold 1",
        "fold1-repeat1.safetensors": "fold 1 repeat 1",
    }
    metrics = json.loads((tmp_path / "metrics/train/grjca.json").read_text())
    assert metrics["p"] == pytest.approx((0.6 + 0.3) / 2)
    assert [fold["p"] for fold in metrics["folds"].values()] == pytest.approx([0.6, 0.3])
    assert metrics["folds"]["1"]["repeats"] == {
        str(repeat): {"p": p[Run(1, repeat)], "best_epoch": 1, "epochs": 3} for repeat in (0, 1)
    }
    with (tmp_path / "plots/train/grjca.csv").open() as file:
        rows = [(row["fold"], row["repeat"], row["epoch"]) for row in csv.DictReader(file)]
    assert rows == [(fold, repeat, epoch) for fold in "01" for repeat in "01" for epoch in "012"]
