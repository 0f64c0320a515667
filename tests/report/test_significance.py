from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.evaluation.metrics import ccc
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.report.significance import bootstrap

TARGETS = ["valence", "arousal"]


def trials(noise: float, *, per_fold: int = 6, folds: int = 3, seed: int = 0) -> list[TrialPrediction]:
    random = np.random.default_rng(seed)
    found = []
    for fold in range(folds):
        for number in range(per_fold):
            labels = random.uniform(-1, 1, (40, 2)).astype(np.float32)
            labels[: number % 3] = np.nan
            predictions = np.nan_to_num(labels) * 0.8 + noise * np.random.default_rng([fold, number]).normal(
                size=(40, 2)
            )
            name = f"{fold}-{number}"
            found.append(TrialPrediction(name, np.arange(40.0), predictions.astype(np.float32), labels, fold))
    return found


def plain_sample(validation: Sequence[TrialPrediction], draws: Sequence[Iterable[int]]) -> npt.NDArray[np.float64]:
    """The mean over folds of the CCC of concatenated trials, each as often as it was drawn."""
    folds = []
    for fold, counts in enumerate(draws):
        members = [one for one in validation if one.fold == fold]
        chosen = [one for one, count in zip(members, counts, strict=True) for _ in range(count)]
        y, p = (np.concatenate([getattr(one, name) for one in chosen]) for name in ("labels", "predictions"))
        kept = ~np.isnan(y[:, 0])
        folds.append([ccc(y[kept, k], p[kept, k]) for k in range(2)])
    return np.asarray(np.mean(folds, axis=0))


def test_samples_equal_the_ccc_of_the_drawn_trials_concatenated() -> None:
    validation = trials(0.3)
    resampled = bootstrap(validation, targets=TARGETS, resamples=20, seed=5)
    random = np.random.default_rng(5)
    draws = [random.multinomial(6, np.full(6, 1 / 6), size=20) for _ in range(3)]
    for number in range(20):
        expected = plain_sample(validation, [of_fold[number] for of_fold in draws])
        assert resampled.samples["valence"][number] == pytest.approx(expected[0], abs=1e-5)
        assert resampled.samples["P"][number] == pytest.approx(expected.mean(), abs=1e-5)


def test_intervals_hold_the_figure_and_narrow_with_more_trials() -> None:
    few, many = (bootstrap(trials(0.5, per_fold=n), targets=TARGETS).interval("P") for n in (5, 80))
    value = plain_sample(trials(0.5, per_fold=80), [[1] * 80] * 3).mean()
    assert many.low < value < many.high
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_the_order_of_trials_and_a_second_run_change_nothing() -> None:
    validation = trials(0.3)
    first, second = (bootstrap(one, targets=TARGETS) for one in (validation, validation[::-1]))
    for figure in (*TARGETS, "P"):
        np.testing.assert_array_equal(first.samples[figure], second.samples[figure])


def test_differences_are_paired() -> None:
    good, same, bad = (bootstrap(trials(noise), targets=TARGETS) for noise in (0.3, 0.3, 0.9))
    none = good.difference(same, "P")
    assert (none.low, none.high) == (0, 0)
    clear = good.difference(bad, "P")
    assert 0 < clear.low < clear.high
    back = bad.difference(good, "P")
    assert (back.low, back.high) == (pytest.approx(-clear.high), pytest.approx(-clear.low))


def test_a_difference_is_that_of_a_plain_paired_bootstrap() -> None:
    """Trial after trial, concatenated and scored again: the same draws for both models, the slow way."""
    first, second = trials(0.3), trials(0.5, seed=0)
    random = np.random.default_rng(0)
    draws = [random.multinomial(6, np.full(6, 1 / 6), size=300) for _ in range(3)]
    plain = []
    for number in range(300):
        counts = [of_fold[number] for of_fold in draws]
        plain.append(plain_sample(first, counts) - plain_sample(second, counts))
    resampled = [bootstrap(one, targets=TARGETS, resamples=300) for one in (first, second)]
    for column, figure in enumerate(TARGETS):
        found = resampled[0].difference(resampled[1], figure)
        expected = np.quantile(np.array(plain)[:, column], [0.025, 0.975])
        assert (found.low, found.high) == (pytest.approx(expected[0], abs=1e-5), pytest.approx(expected[1], abs=1e-5))
    found = resampled[0].difference(resampled[1], "P", level=0.8)
    expected = np.quantile(np.mean(plain, axis=1), [0.1, 0.9])
    assert (found.low, found.high) == (pytest.approx(expected[0], abs=1e-5), pytest.approx(expected[1], abs=1e-5))


def test_draws_of_ones_own_give_nearly_the_same_interval() -> None:
    """Trials picked one by one with another generator: no draw is shared, only what is estimated."""
    first, second = trials(0.3, per_fold=12), trials(0.5, per_fold=12)
    random = np.random.default_rng(123)
    plain = []
    for _ in range(1500):
        counts = [np.bincount(random.integers(0, 12, size=12), minlength=12) for _ in range(3)]
        plain.append((plain_sample(first, counts) - plain_sample(second, counts)).mean())
    found = bootstrap(first, targets=TARGETS).difference(bootstrap(second, targets=TARGETS), "P")
    low, high = np.quantile(plain, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))


def test_a_pair_is_closer_than_its_two_intervals_suggest() -> None:
    """Both models are wrong in the same trials, so their difference is surer than either figure."""
    first, second = (bootstrap(trials(noise, per_fold=12), targets=TARGETS) for noise in (0.5, 0.52))
    of_first, of_both = first.interval("P"), first.difference(second, "P")
    assert of_both.low > 0
    assert of_both.high - of_both.low < 0.3 * (of_first.high - of_first.low)


def test_models_of_other_trials_cannot_be_paired() -> None:
    first = bootstrap(trials(0.3), targets=TARGETS)
    other = bootstrap(trials(0.3, per_fold=5), targets=TARGETS)
    with pytest.raises(ValueError, match="same validation trials"):
        first.difference(other, "P")


def test_trials_without_annotation_are_not_drawn() -> None:
    validation = trials(0.3)
    blank = TrialPrediction(
        "blank", np.arange(3.0), np.zeros((3, 2), np.float32), np.full((3, 2), np.nan, np.float32), 0
    )
    with_blank = bootstrap([*validation, blank], targets=TARGETS)
    np.testing.assert_array_equal(with_blank.samples["P"], bootstrap(validation, targets=TARGETS).samples["P"])
    with pytest.raises(ValueError, match="at least one validation trial"):
        bootstrap([blank], targets=TARGETS)


def test_a_draw_without_a_frame_of_a_target_has_no_figure() -> None:
    validation = trials(0.3, per_fold=3, folds=1)
    for one in validation[1:]:
        assert one.labels is not None
        one.labels[:, 0] = np.nan
    resampled = bootstrap(validation, targets=TARGETS, resamples=50, seed=5)
    drawn = np.random.default_rng(5).multinomial(3, np.full(3, 1 / 3), size=50)[:, 0] > 0
    assert 0 < drawn.sum() < 50
    for figure in ("valence", "P"):
        np.testing.assert_array_equal(np.isfinite(resampled.samples[figure]), drawn)
    assert np.isfinite(resampled.samples["arousal"]).all()
    only = resampled.samples["valence"][drawn]
    assert resampled.interval("valence").low == pytest.approx(only.min())
    assert resampled.interval("valence").low == pytest.approx(ccc_of_first(validation), abs=1e-5)


def ccc_of_first(validation: Sequence[TrialPrediction]) -> float:
    """CCC of valence of the one trial that has it: what every draw with a figure gives."""
    labels, predictions = validation[0].labels, validation[0].predictions
    assert labels is not None
    return ccc(labels[:, 0], predictions[:, 0])


def test_a_fold_without_any_frame_of_a_target_is_refused() -> None:
    validation = trials(0.3, per_fold=2, folds=2)
    for one in validation:
        if one.fold == 1 and one.labels is not None:
            one.labels[:, 1] = np.nan
    with pytest.raises(ValueError, match="fold 1 has no annotated frame"):
        bootstrap(validation, targets=TARGETS)


def test_a_constant_prediction_counts_zero() -> None:
    constant = [
        TrialPrediction(one.trial, one.time, np.full_like(one.predictions, 0.1), one.labels, one.fold)
        for one in trials(0.3)
    ]
    assert np.abs(bootstrap(constant, targets=TARGETS).samples["P"]).max() < 1e-9


def repeated(noise: float, *, repeats: int, per_fold: int = 6, spread: float = 0.2) -> list[TrialPrediction]:
    """Return trials that every fold's repeats predict, each with an error of its own beside the one they share."""
    found = []
    for one in trials(noise, per_fold=per_fold):
        said = []
        for number in range(repeats):
            own = np.random.default_rng([number, *one.trial.encode()]).normal(size=one.predictions.shape)
            said.append((one.predictions * (1 - spread * number / repeats) + 0.1 * own).astype(np.float32))
        found.append(replace(one, predictions=said[0], further=tuple(said[1:])))
    return found


def of_repeat(validation: Sequence[TrialPrediction], number: int) -> list[TrialPrediction]:
    return [replace(one, predictions=one.repeats[number], further=()) for one in validation]


def plain_hierarchy(
    validation: Sequence[TrialPrediction], trial_draws: list[npt.NDArray[np.int64]], repeat_draws: list[list[int]]
) -> npt.NDArray[np.float64]:
    """The mean over folds of the mean over drawn repeats of the CCC of the drawn trials, the slow way."""
    folds = []
    for fold, (of_trials, of_repeats) in enumerate(zip(trial_draws, repeat_draws, strict=True)):
        members = [replace(one, fold=0) for one in validation if one.fold == fold]
        chosen = [number for number, count in enumerate(of_repeats) for _ in range(count)]
        folds.append(np.mean([plain_sample(of_repeat(members, number), [of_trials]) for number in chosen], axis=0))
    return np.asarray(np.mean(folds, axis=0))


def test_repeats_are_drawn_within_their_fold_and_crossed_with_trials() -> None:
    validation = repeated(0.3, repeats=4)
    resampled = bootstrap(validation, targets=TARGETS, resamples=10, seed=5)
    assert resampled.repeats == 4
    of_trials, of_repeats = np.random.default_rng(5), np.random.default_rng([5, 4])
    trial_draws, repeat_draws = (
        [random.multinomial(count, np.full(count, 1 / count), size=10) for _ in range(3)]
        for random, count in ((of_trials, 6), (of_repeats, 4))
    )
    assert any(max(draw) > 1 for draw in repeat_draws[0])
    for number in range(10):
        expected = plain_hierarchy(
            validation, [draws[number] for draws in trial_draws], [list(draws[number]) for draws in repeat_draws]
        )
        assert resampled.samples["valence"][number] == pytest.approx(expected[0], abs=1e-5)
        assert resampled.samples["P"][number] == pytest.approx(expected.mean(), abs=1e-5)


def test_a_single_repeat_adds_nothing_to_the_draws_of_trials() -> None:
    validation = repeated(0.3, repeats=3)
    first = bootstrap(of_repeat(validation, 0), targets=TARGETS)
    assert first.repeats == 1
    equal = [replace(one, further=(one.predictions, one.predictions)) for one in of_repeat(validation, 0)]
    np.testing.assert_allclose(bootstrap(equal, targets=TARGETS).samples["P"], first.samples["P"], atol=1e-12)


def test_seeds_that_disagree_widen_the_interval() -> None:
    alike, unlike = (
        bootstrap(repeated(0.3, repeats=5, per_fold=40, spread=spread), targets=TARGETS).interval("P")
        for spread in (0.0, 0.9)
    )
    assert unlike.high - unlike.low > 1.5 * (alike.high - alike.low)


def test_models_of_equal_repeats_are_given_the_same_repeats_and_others_the_same_trials() -> None:
    first, second = repeated(0.3, repeats=5), repeated(0.5, repeats=5)
    paired = bootstrap(first, targets=TARGETS).difference(bootstrap(second, targets=TARGETS), "P")
    itself = bootstrap(first, targets=TARGETS)
    none = itself.difference(bootstrap(first, targets=TARGETS), "P")
    assert (none.low, none.high) == (0, 0)
    once = bootstrap(of_repeat(second, 0), targets=TARGETS)
    mixed = itself.difference(once, "P")
    assert once.trials == itself.trials
    # The first is ahead in any case; of the second's single seed nothing is drawn.
    assert 0 < paired.low < paired.high
    assert 0 < mixed.low < mixed.high


def test_trials_of_other_numbers_of_repeats_are_refused() -> None:
    validation = repeated(0.3, repeats=3)
    uneven = [replace(validation[0], further=()), *validation[1:]]
    with pytest.raises(ValueError, match="same number of repeats, got 1 to 3"):
        bootstrap(uneven, targets=TARGETS)
