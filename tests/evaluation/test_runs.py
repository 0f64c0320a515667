from pathlib import Path

import pytest

from pipeline.evaluation.runs import Run, all_runs, find_runs
from pipeline.runtime.errors import InputError


def write(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_a_first_training_has_the_name_of_its_fold() -> None:
    assert (Run(2).file, str(Run(2))) == ("fold2.safetensors", "fold 2")
    assert (Run(2, 3).file, str(Run(2, 3))) == ("fold2-repeat3.safetensors", "fold 2 repeat 3")
    assert sorted([Run(1), Run(0, 1), Run(0)]) == [Run(0), Run(0, 1), Run(1)]
    assert all_runs([0, 2], repeats=2) == [Run(0), Run(0, 1), Run(2), Run(2, 1)]


def test_repeats_are_found_by_their_files(tmp_path: Path) -> None:
    once = write(tmp_path / "once", "fold0.safetensors", "fold1.safetensors")
    assert find_runs(once, folds=2, remedy="") == {Run(k): once / f"fold{k}.safetensors" for k in (0, 1)}
    names = [run.file for run in all_runs(range(2), repeats=11)]
    found = find_runs(write(tmp_path / "often", *names), folds=2, remedy="")
    assert list(found) == all_runs(range(2), repeats=11)
    assert found[Run(1, 10)].name == "fold1-repeat10.safetensors"


def test_every_network_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", "fold0.safetensors", "fold0-repeat1.safetensors")
    with pytest.raises(InputError) as caught:
        find_runs(folder, folds=2, remedy="run `dvc repro train@m`")
    assert [(one.message, one.file) for one in caught.value.problems] == [
        ("fold 1 was not trained", str(folder / "fold1.safetensors")),
        ("fold 1 repeat 1 was not trained", str(folder / "fold1-repeat1.safetensors")),
    ]
    assert {one.remedy for one in caught.value.problems} == {"run `dvc repro train@m`"}
    with pytest.raises(InputError, match="2 problems"):
        find_runs(tmp_path / "none", folds=2, remedy="")
