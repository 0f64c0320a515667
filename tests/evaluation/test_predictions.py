import csv
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.evaluation.metrics import Scores
from pipeline.evaluation.predictions import (
    TrialPrediction,
    TrialScores,
    read_frames,
    write_frames,
    write_trial_text,
    write_trials,
)
from pipeline.runtime.errors import InputError

TARGETS = ["valence", "arousal"]


def trial(name: str, *, fold: int | None = None, frames: int = 9, seed: int = 0) -> TrialPrediction:
    random = np.random.default_rng(seed)
    labels = random.normal(size=(frames, 2)).astype(np.float32)
    labels[2] = np.nan
    return TrialPrediction(
        trial=name,
        time=np.arange(frames) / 25,
        predictions=random.normal(size=(frames, 2)).astype(np.float32),
        labels=None if fold is None else labels,
        fold=fold,
        attention={"audio": random.random((frames, 3, 2)).astype(np.float32)},
    )


def write(path: Path, order: int = 1) -> Path:
    validation = [trial("b", fold=1), trial("a", fold=0, seed=1)][::order]
    write_frames(path, targets=TARGETS, validation=validation, test=[trial("t", frames=4)])
    return path


def test_frames_come_back_as_they_were(tmp_path: Path) -> None:
    read = read_frames(write(tmp_path / "frames.h5"))
    assert read.targets == tuple(TARGETS)
    assert list(read.validation) == ["a", "b"]
    expected = trial("b", fold=1)
    one = read.validation["b"]
    for name in ("time", "predictions", "labels"):
        np.testing.assert_array_equal(getattr(one, name), getattr(expected, name))
    np.testing.assert_array_equal(one.attention["audio"], expected.attention["audio"])
    assert (one.fold, read.test["t"].fold, read.test["t"].labels) == (1, None, None)
    few = read_frames(tmp_path / "frames.h5", attention=False, trials=["b"])
    assert list(few.validation) == ["b"]
    assert few.test == {}
    assert few.validation["b"].attention == {}


def test_what_each_fold_said_keeps_its_order(tmp_path: Path) -> None:
    said = {fold: np.full((9, 2), fold, np.float32) for fold in (10, 2, 7)}
    write_frames(tmp_path / "x.h5", targets=TARGETS, validation=[], test=[replace(trial("t"), by_fold=said)])
    read = read_frames(tmp_path / "x.h5").test["t"].by_fold
    assert list(read) == [10, 2, 7]
    for fold, values in read.items():
        np.testing.assert_array_equal(values, said[fold])
    with pytest.raises(ValueError, match="trial t: fold 4 has 8 rows for 9 frames"):
        replace(trial("t"), by_fold={4: np.zeros((8, 2), np.float32)})


def test_further_repeats_come_back_in_their_order(tmp_path: Path) -> None:
    one = trial("a", fold=0)
    further = tuple(np.full((9, 2), repeat, np.float32) for repeat in (1, 2))
    write_frames(tmp_path / "x.h5", targets=TARGETS, validation=[replace(one, further=further)], test=[])
    read = read_frames(tmp_path / "x.h5").validation["a"]
    assert len(read.repeats) == 3
    for found, said in zip(read.repeats, (one.predictions, *further), strict=True):
        np.testing.assert_array_equal(found, said)
    assert read_frames(write(tmp_path / "once.h5")).validation["a"].further == ()
    with pytest.raises(ValueError, match="trial a: repeat 2 has 8 rows for 9 frames"):
        replace(one, further=(further[0], further[1][1:]))


def test_bytes_depend_on_the_predictions_alone(tmp_path: Path) -> None:
    assert write(tmp_path / "1.h5").read_bytes() == write(tmp_path / "2.h5", order=-1).read_bytes()


def test_a_read_only_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "frames.h5")
    path.chmod(0o444)
    before = path.read_bytes()
    read_frames(path)
    assert path.read_bytes() == before


def test_a_missing_or_foreign_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file -> run `dvc repro"):
        read_frames(tmp_path / "frames.h5")
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["schema_version"] = 0
    with pytest.raises(InputError, match="schema version 0, expected 2"):
        read_frames(tmp_path / "old.h5")


def test_lengths_must_agree_and_trials_be_unique(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trial a: predictions has 3 rows for 2 frames"):
        TrialPrediction("a", np.zeros(2), np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="trial a: labels"):
        TrialPrediction("a", np.zeros(2), np.zeros((2, 2), np.float32), labels=np.zeros((2, 1), np.float32))
    with pytest.raises(ValueError, match="trial a is given twice in test"):
        write_frames(tmp_path / "x.h5", targets=TARGETS, validation=[], test=[trial("a"), trial("a")])


def test_text_has_a_header_and_six_digits(tmp_path: Path) -> None:
    write_trial_text(tmp_path / "a.txt", np.array([[0.5, -1], [1 / 3, -0.0000001]]), targets=TARGETS)
    assert (tmp_path / "a.txt").read_text() == "valence,arousal\n0.500000,-1.000000\n0.333333,-0.000000\n"


def test_text_has_a_column_of_seconds_where_it_is_asked_for(tmp_path: Path) -> None:
    values = np.array([[0.5, -1], [0.25, 0]])
    write_trial_text(tmp_path / "a.txt", values, targets=TARGETS, time=np.array([0.0, 1 / 30]))
    rows = "0.000000,0.500000,-1.000000\n0.033333,0.250000,0.000000\n"
    assert (tmp_path / "a.txt").read_text() == f"time,valence,arousal\n{rows}"


def test_trials_without_labels_have_no_numbers(tmp_path: Path) -> None:
    rows = [TrialScores("a", 0, "valence", Scores(0.5, 0.25, 1 / 3, 7)), TrialScores("b", 1, "valence", None)]
    write_trials(tmp_path / "trials.csv", rows)
    with (tmp_path / "trials.csv").open() as file:
        first, second = csv.DictReader(file)
    assert first == {
        "trial": "a",
        "fold": "0",
        "target": "valence",
        "ccc": "0.500000",
        "pcc": "0.250000",
        "rmse": "0.333333",
        "frames": "7",
    }
    assert (second["ccc"], second["pcc"], second["rmse"], second["frames"]) == ("", "", "", "0")
