import re
from pathlib import Path

import pytest

from pipeline.evaluation.runs import Run
from pipeline.report.curves import Curve, read_curves, training_curves
from pipeline.runtime.errors import InputError

CSV = """\
fold,repeat,epoch,lr,train_loss,valence_ccc,p
1,0,1,0.1,0.9,0.1,0.1
0,1,1,0.1,0.5,0.3,0.3
0,0,1,0.1,0.8,0.2,0.2
0,0,2,0.1,0.7,0.4,0.4
0,0,3,0.1,0.6,0.4,0.4
"""


def test_curves_are_read_by_fold_and_repeat(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(CSV)
    runs = read_curves(path)
    assert list(runs) == [Run(0, 0), Run(0, 1), Run(1, 0)]
    assert runs[Run(0)] == Curve(epoch=(1, 2, 3), train_loss=(0.8, 0.7, 0.6), p=(0.2, 0.4, 0.4))
    assert runs[Run(0)].best == 1
    assert runs[Run(0, 1)] == Curve(epoch=(1,), train_loss=(0.5,), p=(0.3,))


def test_missing_or_foreign_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file -> run `dvc repro train`"):
        read_curves(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("fold,repeat,epoch,p\n0,0,1,0.5\n")
    with pytest.raises(InputError, match="no rows with train_loss"):
        read_curves(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("fold,repeat,epoch,train_loss,p\n")
    with pytest.raises(InputError, match="no rows with epoch, fold, p, repeat, train_loss"):
        read_curves(tmp_path / "m.csv")


def test_a_figure_says_where_each_training_was_best() -> None:
    first, second = Curve((1, 2), (0.5, 0.4), (0.2, 0.3)), Curve((1, 2), (0.5, 0.4), (0.25, 0.1))
    curves = {"m": {Run(0): first, Run(3): second}, "n": {Run(0): first}, "o": {Run(0): first, Run(0, 1): second}}
    figures = training_curves(curves, models=["n", "an ensemble", "m", "o"])
    assert list(figures) == ["n", "m", "o"]
    said = {model: re.findall('aria-label="([^"]+)"', figure)[0] for model, figure in figures.items()}
    assert said["m"] == "Training of m: fold 0 best P 0.300 in epoch 2; fold 3 best P 0.250 in epoch 1."
    assert said["o"] == "Training of o: fold 0 best P 0.300 in epoch 2; fold 0 repeat 1 best P 0.250 in epoch 1."
