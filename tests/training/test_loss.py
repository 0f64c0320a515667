import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional import concordance_corrcoef

from pipeline.evaluation.metrics import ccc
from pipeline.training.loss import Scope, ccc_loss, target_losses


def _batch(seed: int = 0, b: int = 3, t: int = 40, k: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    predictions = torch.randn(b, t, k, generator=random)
    labels = 0.6 * predictions + torch.randn(b, t, k, generator=random)
    mask = torch.rand(b, t, generator=random) < 0.8
    return predictions, labels, mask


def _partly_annotated(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a batch in which each target lacks other frames, and the first target a whole window."""
    predictions, labels, mask = _batch(seed, b=4)
    random = torch.Generator().manual_seed(seed + 1)
    labels[torch.rand(labels.shape, generator=random) < torch.tensor([0.2, 0.5])] = torch.nan
    labels[2, :, 0] = torch.nan
    return predictions, labels, mask


def _plain_ccc(labels: torch.Tensor, predictions: torch.Tensor) -> float:
    """CCC of two series by its definition; labels and predictions of un-annotated frames are left out first."""
    y, p = labels.double().numpy(), predictions.double().numpy()
    annotated = ~np.isnan(y)
    y, p = y[annotated], p[annotated]
    covariance = np.mean((y - np.mean(y)) * (p - np.mean(p)))
    return float(2 * covariance / (np.var(y) + np.var(p) + (np.mean(y) - np.mean(p)) ** 2))


def test_a_window_is_one_minus_the_mean_ccc_of_its_unmasked_frames() -> None:
    predictions, labels, mask = _batch()
    expected = [
        1 - ccc(labels[i, mask[i], j].double().numpy(), predictions[i, mask[i], j].double().numpy())
        for i in range(3)
        for j in range(2)
    ]
    assert ccc_loss(predictions, labels, mask).item() == pytest.approx(np.mean(expected), abs=1e-6)


def test_each_target_of_a_window_uses_the_frames_that_have_its_own_annotation() -> None:
    predictions, labels, mask = _partly_annotated()
    losses, windows = target_losses(predictions, labels, mask)
    expected = [
        np.mean([1 - _plain_ccc(labels[i, mask[i], j], predictions[i, mask[i], j]) for i in of_target])
        for j, of_target in enumerate([(0, 1, 3), (0, 1, 2, 3)])
    ]
    assert windows.tolist() == [3, 4]
    assert losses.tolist() == pytest.approx(expected, abs=1e-6)
    assert ccc_loss(predictions, labels, mask).item() == pytest.approx(np.mean(expected), abs=1e-6)
    # With the frames alone that are annotated in full, both would be others.
    whole = labels.masked_fill(labels.isnan().any(dim=-1, keepdim=True), torch.nan)
    both, _ = target_losses(predictions, whole, mask)
    assert (both - losses).abs().min() > 0.01


def test_each_target_of_a_batch_uses_the_frames_that_have_its_own_annotation() -> None:
    predictions, labels, mask = _partly_annotated()
    losses, windows = target_losses(predictions, labels, mask, scope="batch")
    expected = [1 - _plain_ccc(labels[mask][:, j], predictions[mask][:, j]) for j in range(2)]
    assert windows.tolist() == [1, 1]
    assert losses.tolist() == pytest.approx(expected, abs=1e-6)
    assert ccc_loss(predictions, labels, mask, scope="batch").item() == pytest.approx(np.mean(expected), abs=1e-6)


@pytest.mark.parametrize("scope", ["window", "batch"])
def test_the_loss_of_two_targets_is_the_mean_of_what_each_costs_alone(scope: Scope) -> None:
    predictions, labels, mask = _partly_annotated()
    alone = [ccc_loss(predictions[..., j : j + 1], labels[..., j : j + 1], mask, scope=scope).item() for j in (0, 1)]
    assert ccc_loss(predictions, labels, mask, scope=scope).item() == pytest.approx(np.mean(alone), abs=1e-7)
    labels[..., 0] = torch.nan
    assert ccc_loss(predictions, labels, mask, scope=scope).item() == pytest.approx(alone[1], abs=1e-7)


@pytest.mark.parametrize("scope", ["window", "batch"])
def test_a_prediction_has_a_gradient_exactly_where_its_target_is_annotated(scope: Scope) -> None:
    predictions, labels, mask = _partly_annotated()
    predictions.requires_grad_()
    ccc_loss(predictions, labels, mask, scope=scope).backward()  # type: ignore[no-untyped-call]
    assert predictions.grad is not None
    assert torch.equal(predictions.grad != 0, mask[..., None] & ~labels.isnan())


def test_over_a_batch_it_is_close_to_torchmetrics_which_divides_by_n_minus_one() -> None:
    predictions, labels, _ = _batch(t=500)
    mask = torch.ones(3, 500, dtype=torch.bool)
    theirs = 1 - concordance_corrcoef(predictions.reshape(-1, 2), labels.reshape(-1, 2)).mean().item()
    assert ccc_loss(predictions, labels, mask, scope="batch").item() == pytest.approx(theirs, abs=2e-3)


def test_a_perfect_prediction_costs_nothing_and_the_reverse_costs_two() -> None:
    _, labels, mask = _batch()
    labels = labels - (labels * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]
    assert ccc_loss(labels, labels, mask).item() == pytest.approx(0, abs=1e-6)
    assert ccc_loss(-labels, labels, mask).item() == pytest.approx(2, abs=1e-5)


def test_masked_frames_have_no_say_even_where_their_label_is_nan() -> None:
    predictions, labels, mask = _batch()
    predictions.requires_grad_()
    plain = ccc_loss(predictions, labels, mask)
    spoilt = ccc_loss(predictions, labels.masked_fill(~mask[..., None], torch.nan), mask)
    spoilt.backward()  # type: ignore[no-untyped-call]
    assert spoilt.item() == plain.item()
    assert predictions.grad is not None
    assert torch.isfinite(predictions.grad).all()
    assert (predictions.grad[~mask] == 0).all()
    assert (predictions.grad[mask] != 0).any()


@given(label=st.floats(-1, 1), prediction=st.floats(-1, 1), scope=st.sampled_from(["window", "batch"]))
def test_constants_give_finite_values_and_gradients(label: float, prediction: float, scope: Scope) -> None:
    predictions = torch.full((2, 10, 1), prediction, requires_grad=True)
    loss = ccc_loss(predictions, torch.full((2, 10, 1), label), torch.ones(2, 10, dtype=torch.bool), scope=scope)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert predictions.grad is not None
    assert torch.isfinite(predictions.grad).all()


@pytest.mark.parametrize("scope", ["window", "batch"])
@pytest.mark.parametrize("annotated", [True, False])
def test_a_batch_without_annotated_frames_is_zero(scope: Scope, annotated: bool) -> None:
    predictions, labels, mask = _batch()
    predictions.requires_grad_()
    if annotated:
        loss = ccc_loss(predictions, labels, torch.zeros_like(mask), scope=scope)
    else:
        loss = ccc_loss(predictions, torch.full_like(labels, torch.nan), mask, scope=scope)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert predictions.grad is not None
    assert (predictions.grad == 0).all()


def test_a_window_without_two_annotated_frames_does_not_dilute_the_others() -> None:
    predictions, labels, mask = _batch()
    mask[1] = False
    mask[1, 3] = True
    kept = torch.tensor([0, 2])
    expected = ccc_loss(predictions[kept], labels[kept], mask[kept])
    assert ccc_loss(predictions, labels, mask).item() == pytest.approx(expected.item(), abs=1e-7)


def test_the_gradient_is_that_of_finite_differences() -> None:
    predictions, labels, mask = _batch(t=12)
    # The loss computes in single precision: compare with a coarse central difference.
    predictions.requires_grad_()
    ccc_loss(predictions, labels, mask).backward()  # type: ignore[no-untyped-call]
    assert predictions.grad is not None
    place = (0, int(mask[0].nonzero()[0]), 1)
    shift = torch.zeros_like(predictions)
    shift[place] = 1e-2
    with torch.no_grad():
        rise = ccc_loss(predictions + shift, labels, mask) - ccc_loss(predictions - shift, labels, mask)
    assert predictions.grad[place].item() == pytest.approx(rise.item() / 2e-2, rel=2e-2)
