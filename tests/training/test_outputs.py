import csv
import json
from pathlib import Path

import pytest

from pipeline.training.history import FOLD, HISTORY, History
from pipeline.training.outputs import write_model

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
    write_model("grjca", folds)
    assert [(tmp_path / f"models/grjca/fold{number}.safetensors").read_text() for number in (0, 1)] == ["one", "two"]
    metrics = json.loads((tmp_path / "metrics/train/grjca.json").read_text())
    assert metrics["p"] == (0.75 + 0.875) / 2
    assert {number: summary["p"] for number, summary in metrics["folds"].items()} == {"0": 0.75, "1": 0.875}
    with (tmp_path / "plots/train/grjca.csv").open() as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["fold", *ROWS[0]]
    assert lines[1:] == [[str(fold), *map(str, row.values())] for fold in (0, 1) for row in ROWS]
