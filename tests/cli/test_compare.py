"""`affectflow compare`: two runs, from folders or from git and DVC."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.cli.compare import mean_figures
from pipeline.evaluation.metrics import ccc
from pipeline.evaluation.predictions import TrialPrediction, write_frames
from pipeline.report.significance import bootstrap
from tests.cli.calling import Call

FOLDS = 2


def trials(noise: float, *, seed: int = 1, count: int = 8) -> list[TrialPrediction]:
    """Return held-out trials whose predictions are the labels with some noise."""
    found = []
    for number in range(count):
        time = np.arange(40) / 10
        labels = np.sin(time + number)[:, None].astype(np.float32)
        random = np.random.default_rng([seed, number])
        said = labels + noise * random.normal(size=labels.shape).astype(np.float32)
        found.append(TrialPrediction(f"t{number}", time, said.astype(np.float32), labels, number % FOLDS))
    return found


def write_run(root: Path, model: str, held_out: list[TrialPrediction]) -> None:
    folds = {}
    for fold in range(FOLDS):
        mine = [one for one in held_out if one.fold == fold]
        labels = np.concatenate([one.labels for one in mine if one.labels is not None])[:, 0]
        value = ccc(labels, np.concatenate([one.predictions for one in mine])[:, 0])
        folds[str(fold)] = {"P": value, "pain": {"ccc": value, "pcc": 0.0, "rmse": 1.0, "frames": len(labels)}}
    for folder in ("metrics/evaluate", f"predictions/{model}"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / f"metrics/evaluate/{model}.json").write_text(json.dumps({"repeats": 1, "folds": folds}))
    write_frames(root / f"predictions/{model}/frames.h5", targets=["pain"], validation=held_out, test=[])


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "a", "gate", trials(0.8))
    write_run(tmp_path / "b", "gate", trials(0.1, seed=2))
    return tmp_path


def answer_of(affectflow: Call, *arguments: str) -> dict[tuple[str, str], dict[str, object]]:
    answer = affectflow("compare", *arguments, "--json")
    assert answer.code == 0, answer.err
    return {(row["model"], row["figure"]): row for row in json.loads(answer.out)}


def test_the_difference_has_the_reports_paired_interval(affectflow: Call, runs: Path) -> None:
    rows = answer_of(affectflow, "a", "b/metrics")
    row = rows["gate", "P"]
    a, b = (bootstrap(trials(noise, seed=seed), targets=["pain"]) for noise, seed in ((0.8, 1), (0.1, 2)))
    interval = b.difference(a, "P")
    assert (row["low"], row["high"]) == (interval.low, interval.high)
    assert row["clear"]
    assert interval.low < float(str(row["difference"])) < interval.high
    out = affectflow("compare", "a", "b").out
    assert "A: a" in out
    assert " *\n" in out
    assert all(row["difference"] == row["low"] == 0 for row in answer_of(affectflow, "a", "a").values())


def test_what_has_no_interval_says_why(affectflow: Call, runs: Path) -> None:
    for model in ("fewer", "lost", "mine"):
        write_run(runs / "a", model, trials(0.5))
    write_run(runs / "b", "fewer", trials(0.5, count=6))
    write_run(runs / "b", "lost", trials(0.5))
    (runs / "b/predictions/lost/frames.h5").unlink()
    rows = answer_of(affectflow, "a", "b")
    notes = {model: rows[model, "P"]["note"] for model in ("fewer", "lost", "mine", "gate")}
    assert notes == {
        "fewer": "other trials or folds",
        "lost": "no predictions of B here",
        "mine": "only in A",
        "gate": "",
    }
    assert rows["lost", "P"]["difference"] == 0
    assert set(answer_of(affectflow, "a", "b", "--model", "lost")) == {("lost", "pain"), ("lost", "P")}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nowhere", "nowhere: neither a folder nor a revision of git"),
        ("empty", "empty: there is no metrics/evaluate in it -> run `affectflow run` there"),
        ("other", "there is no model with results in both runs: a has gate; other has x"),
        ("broken", "not the scores of this version"),
    ],
)
def test_what_cannot_be_compared(affectflow: Call, runs: Path, where: str, message: str) -> None:
    (runs / "empty").mkdir()
    write_run(runs / "other", "x", trials(0.5))
    write_run(runs / "broken", "gate", trials(0.5))
    (runs / "broken/metrics/evaluate/gate.json").write_text("[]")
    answer = affectflow("compare", "a", where)
    assert answer.code == 1
    assert message in answer.err


def test_repeats_are_averaged_within_folds() -> None:
    def one(value: float) -> dict[str, object]:
        return {"P": value, "pain": {"ccc": value}}

    metrics = {"folds": {"0": {**one(9), "repeats": {"0": one(0.2), "1": one(0.4)}}, "1": one(0.5)}}
    assert mean_figures(metrics) == pytest.approx({"pain": 0.4, "P": 0.4})


@pytest.mark.slow
def test_a_revision_is_read_from_git_and_dvc(affectflow: Call, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(runs / "site"), "GIT_CONFIG_GLOBAL": os.devnull}
    people = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for name, value in {**settings, **people}.items():
        monkeypatch.setenv(name, value)

    def call(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)

    write_run(runs, "gate", trials(0.8))
    dvc = (sys.executable, "-m", "dvc")
    call("git", "init", "--quiet")
    call(*dvc, "init", "--quiet")
    call(*dvc, "add", "--quiet", "predictions/gate")
    call("git", "add", "metrics", "predictions/gate.dvc", "predictions/.gitignore", ".dvc")
    call("git", "commit", "--quiet", "--message", "first")
    assert answer_of(affectflow, "HEAD", "a") == answer_of(affectflow, "a", "a")
    write_run(runs, "gate", trials(0.1, seed=2))
    assert answer_of(affectflow, "HEAD", ".") == answer_of(affectflow, "a", "b")
    assert "neither a folder nor a revision" in affectflow("compare", "HEAD~9", ".").err
