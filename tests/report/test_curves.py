from pathlib import Path

import pytest

from pipeline.report.curves import Curve, read_curves, training_curves
from pipeline.runtime.errors import InputError

CSV = """\
fold,epoch,lr,train_loss,valence_ccc,p
1,1,0.1,0.9,0.1,0.1
0,1,0.1,0.8,0.2,0.2
0,2,0.1,0.7,0.4,0.4
0,3,0.1,0.6,0.4,0.4
"""


def test_curves_are_read_by_fold(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(CSV)
    folds = read_curves(path)
    assert list(folds) == [0, 1]
    assert folds[0] == Curve(epoch=(1, 2, 3), train_loss=(0.8, 0.7, 0.6), p=(0.2, 0.4, 0.4))
    assert folds[0].best == 1


def test_missing_or_foreign_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file -> run `dvc repro train`"):
        read_curves(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("fold,epoch,p\n0,1,0.5\n")
    with pytest.raises(InputError, match="no rows with train_loss"):
        read_curves(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("fold,epoch,train_loss,p\n")
    with pytest.raises(InputError, match="no rows with epoch, fold, p, train_loss"):
        read_curves(tmp_path / "m.csv")


def test_a_figure_says_where_each_fold_was_best() -> None:
    folds = {0: Curve((1, 2), (0.5, 0.4), (0.2, 0.3)), 3: Curve((1, 2), (0.5, 0.4), (0.25, 0.1))}
    figures = training_curves({"m": folds, "n": {0: folds[0]}}, models=["n", "an ensemble", "m"])
    assert list(figures) == ["n", "m"]
    assert "Training of m, 2 folds: fold 0 best P 0.300 in epoch 2; fold 3 best P 0.250 in epoch 1." in figures["m"]
