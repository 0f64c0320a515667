import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.metrics import overall, score_targets
from pipeline.report.sources import (
    ModelResults,
    ccc_table,
    check_alike,
    differences,
    from_leader,
    ranked,
    read_results,
)
from pipeline.runtime.errors import InputError
from tests.evaluation.synthetic import write_project

MODELS = {"visual": None, "audio": None, "grjca": None}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project") / "root"
    write_project(root)
    return root


@pytest.fixture(scope="module")
def results(project: Path) -> tuple[ModelResults, ...]:
    return read_results(project, MODELS)


def test_results_come_in_the_order_of_the_models(results: tuple[ModelResults, ...]) -> None:
    assert [one.name for one in results] == list(MODELS)
    assert [len(one.curves) for one in results] == [4, 4, 4]
    assert [repair.trial for repair in results[0].repairs] == ["test01", "test02"]
    assert set(results[2].folds[0]) == {"valence", "arousal", "P"}


def test_the_figures_of_the_metrics_are_those_of_the_frames(results: tuple[ModelResults, ...]) -> None:
    for one in results:
        for fold, figures in one.folds.items():
            trials = [trial for trial in one.frames.validation.values() if trial.fold == fold]
            assert len(trials) == 3
            y, p = (np.concatenate([getattr(trial, name) for trial in trials]) for name in ("labels", "predictions"))
            scores = score_targets(y, p, targets=one.frames.targets)
            assert figures["arousal"] == pytest.approx(scores["arousal"].ccc, abs=1e-6)
            assert figures["P"] == pytest.approx(overall(scores), abs=1e-6)


def test_models_are_ranked_and_compared_by_pairs(results: tuple[ModelResults, ...]) -> None:
    table = ccc_table(results, note="")
    order = [line.model for line in ranked(table)]
    assert order == ["grjca", "visual", "audio"]
    found = differences(results, table)
    pairs = [("grjca", "visual"), ("grjca", "audio"), ("visual", "audio")]
    assert [(one.first, one.second, one.figure) for one in found] == [
        (*pair, figure) for pair in pairs for figure in ("valence", "arousal", "P")
    ]
    means = {(line.model, line.figure): line.mean for line in table.lines}
    for one in found:
        assert one.value == pytest.approx(means[one.first, one.figure] - means[one.second, one.figure])
        assert one.interval.low < one.value < one.interval.high
    leading = from_leader(found, table)
    assert [one.second for one in leading] == order[1:]
    assert {one.figure for one in leading} == {"P"}
    assert leading[0].value > 0
    assert leading[0].clear


def test_models_of_other_targets_or_folds_are_refused(results: tuple[ModelResults, ...]) -> None:
    other = replace(results[1], frames=replace(results[1].frames, targets=("fatigue",)))
    with pytest.raises(InputError, match="audio has the targets"):
        check_alike([results[0], other])
    moved = replace(results[1], resampled=replace(results[1].resampled, trials=()))
    with pytest.raises(InputError, match="audio was evaluated on other folds"):
        check_alike([results[0], moved])


def test_a_model_that_was_never_trained_is_named(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(project, root)
    (root / "plots/train/audio.csv").unlink()
    with pytest.raises(InputError, match=r"plots/train/audio\.csv is missing -> run `dvc repro train@audio`"):
        read_results(root, MODELS)
