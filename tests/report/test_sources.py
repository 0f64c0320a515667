import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.metrics import overall, score_targets
from pipeline.evaluation.runs import Run
from pipeline.report.published import published_row
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
from tests.report.test_published import key

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
    assert set(results[2].repeats[0][0]) == {"valence", "arousal", "P"}
    assert set(results[0].curves) == {Run(fold) for fold in range(4)}


def check_figures(one: ModelResults) -> None:
    """Compare the figures of the metrics file with those of the predictions by frame."""
    for fold, repeats in one.repeats.items():
        trials = [trial for trial in one.frames.validation.values() if trial.fold == fold]
        assert len(trials) == 3
        y = np.concatenate([trial.labels for trial in trials if trial.labels is not None])
        for number, figures in enumerate(repeats):
            p = np.concatenate([trial.repeats[number] for trial in trials])
            scores = score_targets(y, p, targets=one.frames.targets)
            assert figures["arousal"] == pytest.approx(scores["arousal"].ccc, abs=1e-6)
            assert figures["P"] == pytest.approx(overall(scores), abs=1e-6)


def test_the_figures_of_the_metrics_are_those_of_the_frames(results: tuple[ModelResults, ...]) -> None:
    for one in results:
        assert {len(repeats) for repeats in one.repeats.values()} == {1}
        check_figures(one)


def test_every_repeat_is_read(tmp_path: Path, results: tuple[ModelResults, ...]) -> None:
    write_project(tmp_path / "root", repeats=3)
    for one, once in zip(read_results(tmp_path / "root", MODELS), results, strict=True):
        assert {len(repeats) for repeats in one.repeats.values()} == {one.resampled.repeats} == {3}
        assert len(one.curves) == 12
        check_figures(one)
        # The first repeat is what a model is that was trained once.
        assert {fold: repeats[0] for fold, repeats in one.repeats.items()} == {
            fold: repeats[0] for fold, repeats in once.repeats.items()
        }
        for trial, prediction in one.frames.validation.items():
            np.testing.assert_array_equal(prediction.predictions, once.frames.validation[trial].predictions)


def test_published_numbers_stand_beside_what_they_compare_with(project: Path) -> None:
    rows = {
        "visual": published_row(key("grjca Table 1", "GRJCA", "visual")),
        "audio": None,
        "grjca": published_row(key("interactive_multimodal_fusion Table 2", "Multi-scale TCN + cross-modal attention")),
    }
    results = read_results(project, rows)
    for official_split in (True, False):
        table = ccc_table(results, note="", official_split=official_split)
        lines = {(line.model, line.figure): line for line in table.lines}
        official = lines["visual", "valence"]
        beside_fold, beside_mean = ({0: 0.405}, None) if official_split else ({}, 0.405)
        assert (dict(official.published_folds), official.published) == (beside_fold, beside_mean)
        assert (dict(lines["audio", "P"].published_folds), lines["audio", "P"].published) == ({}, None)
        # Six folds are printed, four are here.
        folds = lines["grjca", "valence"]
        assert dict(folds.published_folds) == {0: 0.3672, 1: 0.4793, 2: 0.5968, 3: 0.5692}
        assert folds.published == pytest.approx(0.5036, abs=1e-4)
        assert lines["grjca", "P"].published_folds[0] == pytest.approx((0.3672 + 0.6633) / 2)


def test_models_are_ranked_and_compared_by_pairs(results: tuple[ModelResults, ...]) -> None:
    table = ccc_table(results, note="", official_split=True)
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
