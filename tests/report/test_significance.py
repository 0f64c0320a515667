from collections.abc import Iterable, Sequence

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


def test_a_constant_prediction_counts_zero() -> None:
    constant = [
        TrialPrediction(one.trial, one.time, np.full_like(one.predictions, 0.1), one.labels, one.fold)
        for one in trials(0.3)
    ]
    assert np.abs(bootstrap(constant, targets=TARGETS).samples["P"]).max() < 1e-9
