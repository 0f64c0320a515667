import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from pipeline.fusion.blocks.voting import Votes
from pipeline.training.loss import ccc_loss
from pipeline.training.votes import PRECISION, STRENGTHS, held_out_errors, vote_loss

LENGTHS = (30, 22, 41, 27, 35, 33)


def corpus() -> tuple[dict[str, np.ndarray], np.ndarray, list[np.ndarray]]:
    """Six trials in which one stream tells the first target and the other the second; the last rows are of no trial."""
    random = np.random.default_rng(3)
    rows = sum(LENGTHS) + 10
    labels = random.normal(0, [1.0, 3.0], (rows, 2)).astype(np.float32)
    streams = {"visual": random.normal(size=(rows, 5)), "audio": random.normal(size=(rows, 3))}
    streams["visual"][:, 1] += 2 * labels[:, 0]
    streams["audio"][:, 0] -= labels[:, 1]
    streams["audio"][:, 2] = 7.0
    labels[4:9, 0] = labels[60:70] = np.nan
    ends = np.cumsum(LENGTHS)
    return streams, labels, [np.arange(end - length, end) for end, length in zip(ends, LENGTHS, strict=True)]


def reference(x: np.ndarray, y: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Squared errors of ridge regressions fitted on the other parts, relative to the variance; y without NaN."""
    x, y = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1), y - y.mean()
    found = []
    for strength in STRENGTHS:
        errors = np.zeros(len(y))
        for k in np.unique(part):
            fitted = Ridge(strength * len(y), fit_intercept=False).fit(x[part != k], y[part != k])
            errors[part == k] = (fitted.predict(x[part == k]) - y[part == k]) ** 2
        found.append(errors)
    return np.asarray(min(found, key=np.sum) / y.var())


def test_errors_are_those_of_ridge_regressions_on_other_trials() -> None:
    streams, labels, trials = corpus()
    labels = np.nan_to_num(labels)
    errors = held_out_errors(streams, labels, trials)
    inside = np.concatenate(trials)
    part = np.repeat([0, 0, 1, 2, 3, 4], LENGTHS)
    for column, x in enumerate([*streams.values(), np.concatenate(list(streams.values()), axis=1)]):
        each = [reference(x[inside], labels[inside, k].astype(float), part) for k in (0, 1)]
        np.testing.assert_allclose(errors[inside, column], np.mean(each, axis=0), rtol=1e-4, atol=1e-6)
    assert np.isnan(errors[sum(LENGTHS) :]).all()
    visual, audio, both = errors[inside].mean(axis=0)
    assert both < 0.7 * min(visual, audio)


def test_a_frame_without_labels_has_no_error_and_one_label_is_enough() -> None:
    streams, labels, trials = corpus()
    errors = held_out_errors(streams, labels, trials)
    assert np.isnan(errors[60:70]).all()
    assert np.isfinite(errors[4:9]).all()
    assert np.isfinite(errors[: sum(LENGTHS)]).all(axis=1).sum() == sum(LENGTHS) - 10


def test_a_trials_own_labels_do_not_reach_the_predictions_that_it_is_compared_with() -> None:
    streams, labels, trials = corpus()
    spoilt = labels.copy()
    place = int(trials[2][5])
    spoilt[place] += 0.5
    before, after = (held_out_errors(streams, y, trials)[trials[2]] for y in (labels, spoilt))
    others = np.arange(len(before)) != 5
    # The centre and the variance of all labels move a little; a regression on the trial itself would move much more.
    np.testing.assert_allclose(after[others], before[others], rtol=0.05, atol=0.02)
    assert abs(after[5, 0] - before[5, 0]) > 0.02


def test_useless_stretches_have_larger_errors() -> None:
    streams, labels, trials = corpus()
    streams["visual"][trials[3]] = np.random.default_rng(0).normal(size=(LENGTHS[3], 5))
    errors = held_out_errors(streams, labels, trials)
    assert np.nanmean(errors[trials[3], 0]) > 1.5 * np.nanmean(errors[trials[4], 0])


def test_one_trial_is_refused() -> None:
    streams, labels, trials = corpus()
    with pytest.raises(ValueError, match="two or more trials, got 1"):
        held_out_errors(streams, labels, trials[:1])


def some_votes(seed: int = 0) -> tuple[Votes, torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    predictions = torch.randn(2, 12, 3, 2, generator=random, requires_grad=True)
    precision = torch.randn(2, 12, 3, generator=random, requires_grad=True)
    labels, errors = torch.randn(2, 12, 2, generator=random), torch.rand(2, 12, 3, generator=random)
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[1, 9:] = False
    labels[0, 3] = errors[0, 3] = torch.nan
    return Votes(predictions, precision), labels, mask, errors


def test_the_loss_is_that_of_each_vote_and_of_the_precisions() -> None:
    votes, labels, mask, errors = some_votes()
    found = vote_loss(votes, labels, mask, errors, scope="window")
    each = [ccc_loss(votes.predictions[:, :, v], labels, mask, scope="window").item() for v in range(3)]
    told = mask[..., None] & ~errors.isnan()
    e, s = errors[told].numpy(), votes.precision[told].detach().numpy()
    assert found.item() == pytest.approx(np.mean(each) + PRECISION * np.mean((e * np.exp(s) - s) / 2), rel=1e-5)
    found.backward()  # type: ignore[no-untyped-call]
    for values in (votes.predictions, votes.precision):
        assert values.grad is not None
        assert values.grad.isfinite().all()
        assert not values.grad[~mask].any()


def test_the_expected_precision_is_the_inverse_of_the_mean_error() -> None:
    votes, labels, mask, errors = some_votes()
    told = mask[..., None] & ~errors.isnan()
    best = Votes(votes.predictions, torch.full_like(errors, -float(errors[told].mean().log())).requires_grad_())
    vote_loss(best, labels, mask, errors, scope="window").backward()  # type: ignore[no-untyped-call]
    assert best.precision.grad is not None
    assert best.precision.grad.sum().item() == pytest.approx(0, abs=1e-6)


def test_a_replaced_stream_is_asked_for_nothing() -> None:
    votes, labels, mask, errors = some_votes()
    own = torch.ones(2, 12, 2, dtype=torch.bool)
    own[0, 5:8, 1] = False
    vote_loss(votes, labels, mask, errors, own=own, scope="window").backward()  # type: ignore[no-untyped-call]
    assert votes.predictions.grad is not None
    assert votes.precision.grad is not None
    asked = votes.predictions.grad[0, 5:8].abs().sum(dim=(0, 2)) > 0
    assert asked.tolist() == [True, False, True]  # all streams together still have to predict
    told = votes.precision.grad[0, 5:8].abs().sum(dim=0) > 0
    assert told.tolist() == [True, False, False]
