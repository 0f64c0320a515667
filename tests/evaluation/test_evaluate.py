from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.evaluation.combine import Combination, combine
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluate import Evaluation, Predicted, Predictor, TrialInput, best_folds, clip, evaluate
from pipeline.evaluation.metrics import Scores, ccc, score
from pipeline.runtime.errors import ConfigError, InputError

RANGES = {"valence": (-1.0, 1.0), "arousal": (-1.0, 0.5)}
HELD_OUT = {0: ["a", "b"], 1: ["c"], 2: ["d", "e"]}
TEST = ["t2", "t1"]
GAIN = {0: 0.4, 1: 0.9, 2: 0.7}


def labels_of(trial: str) -> npt.NDArray[np.float32]:
    frames = 30 + 3 * (ord(trial[-1]) % 7)
    time = np.arange(frames)[:, None] / [5.0, 7.0]
    labels = (0.6 * np.sin(time + ord(trial[0]))).astype(np.float32)
    labels[3:6] = np.nan
    labels[-4:, 1] = np.nan
    return labels


def read(trial: str, seen: list[str] | None = None) -> TrialInput:
    if seen is not None:
        seen.append(trial)
    labels = labels_of(trial)
    stream = np.nan_to_num(labels)
    return TrialInput(
        time=np.arange(len(labels)) / 25,
        streams={"visual": stream},
        labels=None if trial in TEST else labels,
    )


def fold(number: int) -> Predictor:
    def predict(given: TrialInput) -> Predicted:
        x = given.streams["visual"]
        gate = np.full((len(x), 1, 2), GAIN[number], dtype=np.float32)
        return Predicted(
            (GAIN[number] * x + 0.1 * np.cos(number + np.arange(len(x)))[:, None]).astype(np.float32), {"audio": gate}
        )

    return predict


def run(**changes: Any) -> Evaluation:
    arguments: dict[str, Any] = {
        "model": "m",
        "folds": {k: [fold(k)] for k in (2, 0, 1)},
        "held_out": HELD_OUT,
        "test": TEST,
        "read": read,
        "ranges": RANGES,
        "config": EvaluateConfig(top_folds=2),
    } | changes
    return evaluate(**arguments)


def test_a_fold_is_scored_on_its_trials_concatenated() -> None:
    evaluation = run()
    assert list(evaluation.folds) == [0, 1, 2]
    labels = np.concatenate([labels_of("a"), labels_of("b")])
    predictions = np.concatenate([clip(fold(0)(read(trial)).predictions, RANGES) for trial in ("a", "b")])
    assert evaluation.folds[0]["valence"] == score(labels[:, 0], predictions[:, 0])
    kept = ~np.isnan(labels[:, 1])
    assert evaluation.folds[0]["arousal"].ccc == ccc(labels[kept, 1], predictions[kept, 1])
    of_trials = [score(labels_of(t)[:, 0], fold(0)(read(t)).predictions[:, 0]).ccc for t in ("a", "b")]
    assert evaluation.folds[0]["valence"].ccc != pytest.approx(np.mean(of_trials), abs=1e-4)


def test_every_held_out_trial_is_predicted_once_by_the_fold_that_never_saw_it() -> None:
    evaluation = run()
    assert [(one.trial, one.fold) for one in evaluation.validation] == [
        (trial, k) for k, trials in HELD_OUT.items() for trial in trials
    ]
    last = evaluation.validation[-1]
    np.testing.assert_array_equal(last.predictions, clip(fold(2)(read("e")).predictions, RANGES))
    np.testing.assert_array_equal(last.labels, labels_of("e"))


@pytest.mark.parametrize("how", ["mean", "ccc_centred"])
def test_the_best_folds_predict_the_test_trials_in_the_order_of_the_list(how: Combination) -> None:
    evaluation = run(config=EvaluateConfig(top_folds=2, combine=how))
    assert evaluation.best == (1, 2)
    assert [one.trial for one in evaluation.test] == TEST
    answers = np.stack([fold(k)(read("t1")).predictions for k in (1, 2)])
    np.testing.assert_array_equal(evaluation.test[1].predictions, clip(combine(answers, how=how), RANGES))
    np.testing.assert_allclose(evaluation.test[1].attention["audio"], (GAIN[1] + GAIN[2]) / 2)
    assert evaluation.test[1].labels is None
    assert list(evaluation.test[1].by_fold) == [1, 2]
    np.testing.assert_array_equal(np.stack(list(evaluation.test[1].by_fold.values())), answers)
    assert evaluation.validation[0].by_fold == {}


def louder(number: int, repeat: int) -> Predictor:
    """Return a repeat of a fold, which says more than the one before it."""

    def predict(given: TrialInput) -> Predicted:
        answer = fold(number)(given)
        gate = answer.attention["audio"] + repeat
        return Predicted((answer.predictions * (1 + 0.3 * repeat)).astype(np.float32), {"audio": gate})

    return predict


def test_each_repeat_is_scored_and_folds_count_with_their_mean() -> None:
    repeats = [run(folds={k: [louder(k, repeat)] for k in HELD_OUT}) for repeat in range(3)]
    evaluation = run(folds={k: [louder(k, repeat) for repeat in range(3)] for k in HELD_OUT})
    for k in HELD_OUT:
        assert evaluation.repeats[k] == tuple(one.folds[k] for one in repeats)
        cccs = [one.folds[k]["valence"].ccc for one in repeats]
        assert len(set(cccs)) == 3
        assert evaluation.folds[k]["valence"].ccc == pytest.approx(np.mean(cccs))
        assert evaluation.folds[k]["valence"].frames == repeats[0].folds[k]["valence"].frames
    for number, one in enumerate(evaluation.validation):
        assert len(one.repeats) == 3
        for repeat, said in enumerate(one.repeats):
            np.testing.assert_array_equal(said, repeats[repeat].validation[number].predictions)
        np.testing.assert_array_equal(one.attention["audio"], repeats[0].validation[number].attention["audio"])


def test_the_best_folds_are_those_of_the_highest_mean_over_repeats() -> None:
    # Fold 1 is the best in the first repeat and without any skill in the second.
    folds = {k: [fold(k), fold(k)] for k in HELD_OUT}
    folds[1] = [fold(1), lambda given: Predicted(-fold(1)(given).predictions)]
    assert run(folds={k: repeats[:1] for k, repeats in folds.items()}).best == (1, 2)
    assert run(folds=folds).best == (2, 0)


def test_a_fold_says_the_mean_of_its_repeats_on_a_test_trial() -> None:
    evaluation = run(folds={k: [louder(k, repeat) for repeat in range(2)] for k in HELD_OUT})
    assert evaluation.best == (1, 2)
    (one,) = (trial for trial in evaluation.test if trial.trial == "t1")
    means = [np.mean([louder(k, r)(read("t1")).predictions for r in range(2)], axis=0) for k in evaluation.best]
    np.testing.assert_allclose(np.stack(list(one.by_fold.values())), means, atol=1e-6)
    np.testing.assert_allclose(one.predictions, clip(np.mean(means, axis=0), RANGES), atol=1e-6)
    np.testing.assert_allclose(one.attention["audio"], (GAIN[1] + GAIN[2]) / 2 + 0.5, atol=1e-6)
    assert one.further == ()


def test_predictions_are_clipped_to_each_targets_range() -> None:
    values = np.array([[-3, -3], [0.2, 0.2], [3, 3]], dtype=np.float32)
    np.testing.assert_allclose(clip(values, RANGES), np.array([[-1, -1], [0.2, 0.2], [1, 0.5]]))
    evaluation = run(folds={k: [lambda given: Predicted(9 * given.streams["visual"])] for k in HELD_OUT})
    for one in (*evaluation.validation, *evaluation.test):
        assert one.predictions.max(axis=0).tolist() == [1, 0.5]


def test_of_equal_folds_the_lower_number_is_better() -> None:
    scores = {k: {"valence": Scores(value, 0, 0, 9)} for k, value in {0: 0.1, 3: 0.5, 2: 0.5, 1: 0.2}.items()}
    assert best_folds(scores, count=3) == (2, 3, 1)


def test_frames_that_a_model_left_out_count_only_if_annotated() -> None:
    def blind(given: TrialInput) -> Predicted:
        predictions = fold(0)(given).predictions.copy()
        if given.labels is not None:
            predictions[np.isnan(given.labels).all(axis=1)] = np.nan
        return Predicted(predictions)

    evaluation = run(folds={k: [blind] for k in HELD_OUT})
    assert evaluation.folds[0] == run().folds[0]
    assert np.isnan(evaluation.validation[0].predictions[3:6]).all()


def test_more_folds_than_there_are_cannot_be_best() -> None:
    with pytest.raises(ConfigError, match=r"evaluate.top_folds is 4, but folds.count gives 3"):
        run(config=EvaluateConfig(top_folds=4))


def test_trials_that_are_held_out_twice_are_all_listed() -> None:
    with pytest.raises(InputError) as caught:
        run(held_out={0: ["a", "b"], 1: ["b", "c"], 2: ["a", "b"]})
    assert [(one.trial, one.message) for one in caught.value.problems] == [
        ("a", "held out 2 times, in the folds 0, 2"),
        ("b", "held out 3 times, in the folds 0, 1, 2"),
    ]


def test_folds_without_annotation_are_all_listed() -> None:
    def unlabelled(trial: str) -> TrialInput:
        given = read(trial)
        labels = np.full_like(labels_of(trial), np.nan)
        return given if trial in {"a", "b"} else TrialInput(given.time, given.streams, labels)

    with pytest.raises(InputError) as caught:
        run(read=unlabelled)
    assert len(caught.value.problems) == 2
    assert "fold 1" in str(caught.value)
    assert "trials: d, e" in str(caught.value)
