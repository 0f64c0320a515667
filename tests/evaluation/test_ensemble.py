from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.evaluation.combine import Combination, combine
from pipeline.evaluation.config import EnsembleConfig
from pipeline.evaluation.ensemble import combine_present, evaluate_ensemble
from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.metrics import score_targets
from pipeline.evaluation.predictions import FramePredictionsFile, TrialPrediction
from pipeline.runtime.errors import InputError

RANGES = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}
HELD_OUT = {0: ["a", "b"], 1: ["c"], 2: ["d", "e"]}
TEST = ["t0", "t1"]
BEST = {"one": (2, 0), "two": (1, 0), "three": (0, 2)}


def labels_of(trial: str) -> npt.NDArray[np.float32]:
    frames = 30 + 3 * (ord(trial[-1]) % 7)
    labels = (0.6 * np.sin(np.arange(frames)[:, None] / [5.0, 7.0] + ord(trial[0]))).astype(np.float32)
    labels[3:6] = np.nan
    return labels


def said(model: str, fold: int, trial: str) -> npt.NDArray[np.float32]:
    truth = np.nan_to_num(labels_of(trial))
    random = np.random.default_rng([fold, *model.encode(), *trial.encode()])
    return (truth + 0.3 * random.normal(size=truth.shape) + 0.1 * fold).astype(np.float32)


def member(model: str) -> FramePredictionsFile:
    validation = {}
    for fold, trials in HELD_OUT.items():
        for trial in trials:
            labels = labels_of(trial)
            gate = {"gate": np.ones((len(labels), 1), np.float32)}
            predictions = np.clip(said(model, fold, trial), -1, 1)
            time = np.arange(len(labels)) / 25
            validation[trial] = TrialPrediction(trial, time, predictions, labels, fold, gate)
    test = {}
    for trial in TEST:
        by_fold = {fold: said(model, fold, trial) for fold in BEST[model]}
        mean = np.clip(np.mean(list(by_fold.values()), axis=0), -1, 1)
        test[trial] = TrialPrediction(trial, np.arange(len(mean)) / 25, mean, by_fold=by_fold)
    return FramePredictionsFile(tuple(RANGES), validation, test)


def run(*models: str, **options: Any) -> Evaluation:
    config = EnsembleConfig(models=models, **options)
    return evaluate_ensemble({model: member(model) for model in models}, ranges=RANGES, config=config)


@pytest.mark.parametrize("how", ["mean", "ccc_centred"])
def test_a_held_out_trial_is_predicted_by_each_members_fold_that_never_saw_it(how: Combination) -> None:
    evaluation = run("one", "two", "three", combine=how)
    assert [(one.trial, one.fold) for one in evaluation.validation] == [
        (trial, fold) for fold, trials in HELD_OUT.items() for trial in trials
    ]
    for one in evaluation.validation:
        assert one.fold is not None
        voices = np.stack([np.clip(said(model, one.fold, one.trial), -1, 1) for model in ("one", "two", "three")])
        np.testing.assert_array_equal(one.predictions, np.clip(combine(voices, how=how), -1, 1))
        np.testing.assert_array_equal(one.labels, labels_of(one.trial))
        assert one.attention == {}
    for fold in HELD_OUT:
        trials = [one for one in evaluation.validation if one.fold == fold]
        y, p = (np.concatenate([getattr(one, name) for one in trials]) for name in ("labels", "predictions"))
        assert evaluation.folds[fold] == score_targets(y, p, targets=list(RANGES))


def test_the_mean_is_never_further_from_the_truth_than_its_members_are_on_average() -> None:
    evaluation = run("one", "two")
    for fold, scores in evaluation.folds.items():
        y = np.concatenate([labels_of(trial) for trial in HELD_OUT[fold]])
        alone = []
        for model in ("one", "two"):
            p = np.concatenate([member(model).validation[trial].predictions for trial in HELD_OUT[fold]])
            alone.append(score_targets(y, p, targets=list(RANGES)))
        for target in RANGES:
            assert scores[target].rmse ** 2 < np.mean([one[target].rmse ** 2 for one in alone])


@pytest.mark.parametrize("how", ["mean", "ccc_centred"])
@pytest.mark.parametrize("count", [None, 1])
def test_a_test_trial_is_predicted_by_the_best_folds_of_all_members(how: Combination, count: int | None) -> None:
    evaluation = run("one", "two", combine=how, top_folds=count)
    assert evaluation.members == {"one": (2, 0)[:count], "two": (1, 0)[:count]}
    assert evaluation.best == ()
    assert [one.trial for one in evaluation.test] == TEST
    for one in evaluation.test:
        voices = [said(model, fold, one.trial) for model in ("one", "two") for fold in BEST[model][:count]]
        np.testing.assert_array_equal(one.predictions, np.clip(combine(np.stack(voices), how=how), -1, 1))
        assert one.by_fold == {}


def repeated(model: str, *, repeats: int) -> FramePredictionsFile:
    """Return a member whose further repeats differ from its first."""
    one = member(model)
    validation = {
        trial: replace(found, further=tuple(found.predictions * (1 - r / 5) for r in range(1, repeats)))
        for trial, found in one.validation.items()
    }
    return replace(one, validation=validation)


def test_each_repeat_combines_the_members_same_repeat() -> None:
    members = {model: repeated(model, repeats=3) for model in ("one", "two")}
    config = EnsembleConfig(models=("one", "two"))
    evaluation = evaluate_ensemble(members, ranges=RANGES, config=config)
    assert {len(scores) for scores in evaluation.repeats.values()} == {3}
    for number in range(3):
        alone = {
            model: replace(
                one,
                validation={
                    trial: replace(found, predictions=found.repeats[number], further=())
                    for trial, found in one.validation.items()
                },
            )
            for model, one in members.items()
        }
        expected = evaluate_ensemble(alone, ranges=RANGES, config=config)
        assert expected.folds == {fold: scores[number] for fold, scores in evaluation.repeats.items()}
        for found, trial in zip(evaluation.validation, expected.validation, strict=True):
            np.testing.assert_array_equal(found.repeats[number], trial.predictions)


def test_members_of_other_numbers_of_repeats_are_refused_once() -> None:
    members = {"one": repeated("one", repeats=3), "two": member("two")}
    with pytest.raises(InputError) as caught:
        evaluate_ensemble(members, ranges=RANGES, config=EnsembleConfig(models=("one", "two")))
    (problem,) = caught.value.problems
    assert problem.message == "one trained each fold 3 times, two 1 times"
    assert problem.remedy == "give both the same training.repeats"


def test_centring_moves_the_level_and_not_the_shape() -> None:
    voices = [said(model, fold, "t1") for model in ("one", "two") for fold in BEST[model]]
    voices[3] += 2
    mean, centred = (combine_present(voices, how=how) for how in ("mean", "ccc_centred"))
    np.testing.assert_allclose(centred - centred.mean(axis=0), mean - mean.mean(axis=0), atol=1e-6)
    assert (centred.mean(axis=0) < mean.mean(axis=0) - 0.2).all()


@pytest.mark.parametrize("how", ["mean", "ccc_centred"])
def test_frames_that_a_member_left_out_have_no_prediction(how: Combination) -> None:
    blind = said("one", 0, "a").copy()
    blind[3:6] = np.nan
    others = [said("two", 0, "a"), said("three", 0, "a")]
    found = combine_present([blind, *others], how=how)
    assert np.isnan(found[3:6]).all()
    kept = np.r_[0:3, 6 : len(blind)]
    expected = combine(np.stack([voice[kept] for voice in (blind, *others)]), how=how)
    np.testing.assert_array_equal(found[kept], expected)
    assert np.isnan(combine_present([blind[3:6], blind[3:6]], how=how)).all()


def test_a_member_given_twice_is_the_member() -> None:
    one = member("one")
    config = EnsembleConfig(models=("one", "copy"))
    evaluation = evaluate_ensemble({"one": one, "copy": one}, ranges=RANGES, config=config)
    for trial in evaluation.validation:
        np.testing.assert_array_equal(trial.predictions, one.validation[trial.trial].predictions)
    for trial in evaluation.test:
        np.testing.assert_allclose(trial.predictions, one.test[trial.trial].predictions, atol=1e-6)


def test_without_test_trials_there_are_scores_alone() -> None:
    members = {model: replace(member(model), test={}) for model in ("one", "two")}
    evaluation = evaluate_ensemble(members, ranges=RANGES, config=EnsembleConfig(models=("one", "two")))
    assert (evaluation.test, evaluation.members) == ((), {"one": (), "two": ()})
    assert len(evaluation.folds) == 3


def test_members_that_do_not_fit_are_listed_with_everything_that_is_wrong() -> None:
    two = member("two")
    validation = dict(two.validation)
    del validation["b"]
    validation["c"] = replace(validation["c"], fold=2)
    validation["d"] = replace(validation["d"], labels=np.zeros_like(validation["d"].predictions))
    frames = member("two").validation["e"]
    assert frames.labels is not None
    validation["e"] = TrialPrediction("e", frames.time[:-1], frames.predictions[:-1], frames.labels[:-1], 2)
    test = {trial: replace(one, by_fold={}) for trial, one in two.test.items()}
    other = FramePredictionsFile(("valence", "fatigue"), validation, test)
    config = EnsembleConfig(models=("one", "two"))
    with pytest.raises(InputError) as caught:
        evaluate_ensemble({"one": member("one"), "two": other}, ranges=RANGES, config=config)
    assert [(one.trial, one.message) for one in caught.value.problems] == [
        (None, "two predicts valence, fatigue, not valence, arousal"),
        (None, "two has test predictions, but not those of its folds"),
        ("b", "predicted by one, not by two"),
        ("c", "held out in fold 1 of one and in fold 2 of two"),
        ("d", "one and two were scored on other labels"),
        ("e", f"one and two predict other frames ({len(frames.time)} and {len(frames.time) - 1})"),
    ]
    assert {one.remedy for one in caught.value.problems} == {"run `dvc repro`"}


def test_more_folds_than_a_member_has_are_refused() -> None:
    with pytest.raises(InputError, match="one has the test predictions of 2 folds, not of 3"):
        run("one", "two", top_folds=3)
