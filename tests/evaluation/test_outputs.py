import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.clips.target import TargetsConfig
from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.metrics import mean_and_sd, overall, score_targets
from pipeline.evaluation.outputs import write_evaluation
from pipeline.evaluation.predictions import TrialPrediction, read_frames
from pipeline.evaluation.submission import Repair
from pipeline.runtime.errors import InputError

TARGETS = ["valence", "arousal"]


@pytest.fixture
def evaluation() -> Evaluation:
    random = np.random.default_rng(0)
    validation, repeats = [], {}
    for fold in range(3):
        labels, predictions = random.uniform(-1, 1, size=(2, 20, 2)).astype(np.float32)
        if fold == 2:
            labels[:5] = np.nan
        validation.append(TrialPrediction(f"v{fold}", np.arange(20.0), predictions, labels, fold))
        repeats[fold] = (score_targets(labels, predictions, targets=TARGETS),)
    blank = np.full((4, 2), np.nan, np.float32)
    validation.append(TrialPrediction("blank", np.arange(4.0), np.zeros((4, 2), np.float32), blank, 2))
    test = tuple(TrialPrediction(t, np.arange(3.0), np.full((3, 2), 0.25, np.float32)) for t in ("t1", "t0"))
    return Evaluation(repeats=repeats, best=(2, 0), validation=tuple(validation), test=test)


def write(evaluation: Evaluation, root: Path, **arguments: Any) -> tuple[list[Repair], dict[str, bytes]]:
    found = write_evaluation(
        evaluation, predictions=root / "predictions/m", metrics=root / "metrics/m.json", targets=TARGETS, **arguments
    )
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return found, files


def test_an_ensemble_names_its_members_folds_instead_of_its_own(evaluation: Evaluation, tmp_path: Path) -> None:
    together = replace(evaluation, best=(), members={"a": (2, 0), "b": (1,)})
    metrics = json.loads(write(together, tmp_path)[1]["metrics/m.json"])
    assert metrics["members"] == {"a": [2, 0], "b": [1]}
    assert "best_folds" not in metrics


def test_text_files_have_seconds_where_the_corpus_is_timed(evaluation: Evaluation, tmp_path: Path) -> None:
    _, files = write(evaluation, tmp_path, timed=TargetsConfig(kind="table").timed)
    rows = [b"time,valence,arousal", *(b"%d.000000,0.250000,0.250000" % frame for frame in range(3))]
    assert files["predictions/m/t1.txt"].splitlines() == rows
    assert not TargetsConfig(kind="affwild2").timed


def test_all_outs_are_written_and_hold_the_figures(evaluation: Evaluation, tmp_path: Path) -> None:
    found, files = write(evaluation, tmp_path)
    assert found == []
    assert sorted(files) == [
        "metrics/m.json",
        *(f"predictions/m/{name}" for name in ("frames.h5", "repairs.csv", "submission.txt", "t0.txt", "t1.txt")),
        "predictions/m/trials.csv",
    ]
    metrics = json.loads(files["metrics/m.json"])
    mean, sd = mean_and_sd([overall(scores) for scores in evaluation.folds.values()])
    assert (metrics["P"], metrics["P_sd"]) == (pytest.approx(mean, abs=1e-6), pytest.approx(sd, abs=1e-6))
    cccs = [scores["arousal"].ccc for scores in evaluation.folds.values()]
    assert metrics["arousal"]["ccc_sd"] == pytest.approx(np.std(cccs, ddof=1), abs=1e-6)
    assert metrics["folds"]["2"]["valence"]["frames"] == 15
    assert metrics["folds"]["1"]["P"] == pytest.approx(
        np.mean([one.ccc for one in evaluation.folds[1].values()]), abs=1e-6
    )
    assert metrics["best_folds"] == [2, 0]
    assert metrics["submission"] == {"trials_repaired": 0, "rows_repeated": 0, "frames_cut": 0}
    assert files["predictions/m/t1.txt"].splitlines() == [b"valence,arousal", *[b"0.250000,0.250000"] * 3]
    assert files["predictions/m/submission.txt"].splitlines()[1] == b"t1/00001.jpg,0.250000,0.250000"
    rows = list(csv.DictReader(files["predictions/m/trials.csv"].decode().splitlines()))
    assert [(row["trial"], row["target"]) for row in rows[:2]] == [("v0", "valence"), ("v0", "arousal")]
    assert [(row["ccc"], row["frames"]) for row in rows if row["trial"] == "blank"] == [("", "0")] * 2
    alone = [float(row["ccc"]) for row in rows if row["trial"] == "v1"]
    assert alone == pytest.approx([one.ccc for one in evaluation.folds[1].values()], abs=1e-6)
    frames = read_frames(tmp_path / "predictions/m/frames.h5")
    assert (set(frames.validation), set(frames.test)) == ({"v0", "v1", "v2", "blank"}, {"t0", "t1"})


def test_repeats_are_averaged_and_listed(evaluation: Evaluation, tmp_path: Path) -> None:
    once = json.loads(write(evaluation, tmp_path / "once")[1]["metrics/m.json"])
    assert once["repeats"] == 1
    assert not [name for name in (*once["arousal"], *once["folds"]["0"]) if "repeats" in name]
    assert "P_sd_repeats" not in once
    # The second repeat predicts one half of what the first does.
    validation = [replace(one, further=(one.predictions / np.float32(2),)) for one in evaluation.validation]
    by_fold = {one.fold: one for one in validation if one.trial != "blank"}
    repeats = {
        fold: tuple(score_targets(one.labels, said, targets=TARGETS) for said in one.repeats)
        for fold, one in by_fold.items()
        if fold is not None and one.labels is not None
    }
    twice = replace(evaluation, repeats=repeats, validation=tuple(validation))
    files = write(twice, tmp_path / "twice")[1]
    metrics = json.loads(files["metrics/m.json"])
    assert metrics["repeats"] == 2
    values = np.array([[overall(scores) for scores in of_fold] for of_fold in repeats.values()])
    assert metrics["P"] == pytest.approx(values.mean(), abs=1e-6)
    assert metrics["P_sd"] == pytest.approx(values.mean(axis=1).std(ddof=1), abs=1e-6)
    assert metrics["P_sd_repeats"] == pytest.approx(values.mean(axis=0).std(ddof=1), abs=1e-6)
    rmse = np.array([[scores["valence"].rmse for scores in of_fold] for of_fold in repeats.values()])
    assert metrics["valence"]["rmse_sd_repeats"] == pytest.approx(rmse.mean(axis=0).std(ddof=1), abs=1e-6)
    for fold, of_fold in repeats.items():
        found = metrics["folds"][str(fold)]
        assert list(found["repeats"]) == ["0", "1"]
        assert found["P"] == pytest.approx(np.mean([one["P"] for one in found["repeats"].values()]), abs=2e-6)
        assert found["repeats"]["1"]["arousal"]["ccc"] == pytest.approx(of_fold[1]["arousal"].ccc, abs=1e-6)
        assert found["repeats"]["0"] == {name: once["folds"][str(fold)][name] for name in ("P", *TARGETS)}
    rows = list(csv.DictReader(files["predictions/m/trials.csv"].decode().splitlines()))
    alone = [float(row["ccc"]) for row in rows if row["trial"] == "v1"]
    assert alone == pytest.approx([one.ccc for one in twice.folds[1].values()], abs=1e-6)
    frames = read_frames(tmp_path / "twice/predictions/m/frames.h5")
    np.testing.assert_array_equal(frames.validation["v0"].further[0], validation[0].predictions / 2)


def test_the_same_evaluation_gives_the_same_bytes(evaluation: Evaluation, tmp_path: Path) -> None:
    assert write(evaluation, tmp_path / "1")[1] == write(evaluation, tmp_path / "2")[1]


def test_old_results_go_and_repairs_are_recorded(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "predictions/m").mkdir(parents=True)
    (tmp_path / "predictions/m/gone.txt").write_text("of a trial that is no longer there")
    sample = tmp_path / "sample.txt"
    rows = [*(f"t0/{i:05d}.jpg,0,0" for i in range(1, 6)), "t1/00001.jpg,0,0"]
    sample.write_text("\n".join(["image_location,valence,arousal", *rows]))
    found, files = write(evaluation, tmp_path, sample=sample)
    assert "predictions/m/gone.txt" not in files
    assert [(one.trial, one.repeated, one.cut) for one in found] == [("t1", 0, 2), ("t0", 2, 0)]
    metrics = json.loads(files["metrics/m.json"])
    assert metrics["submission"] == {"trials_repaired": 2, "rows_repeated": 2, "frames_cut": 2}
    assert len(files["predictions/m/submission.txt"].splitlines()) == 1 + len(rows)


def test_results_stay_as_they_were_if_something_fails(evaluation: Evaluation, tmp_path: Path) -> None:
    _, before = write(evaluation, tmp_path)
    with pytest.raises(InputError, match="sample submission is missing"):
        write(evaluation, tmp_path, sample=tmp_path / "none.txt")
    assert {
        path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()
    } == before
