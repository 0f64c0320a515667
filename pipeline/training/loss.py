"""The loss: one minus the concordance correlation coefficient of each target over the frames that have its annotation.

A frame whose annotation of one target is missing counts for the others, as in the scores (`pipeline.evaluation`).
"""

from typing import Literal

from torch import Tensor

EPSILON = 1e-8
"""Added to the denominator, so that constant labels and predictions give a finite value and gradient."""

Scope = Literal["window", "batch"]


def ccc_loss(predictions: Tensor, labels: Tensor, mask: Tensor, *, scope: Scope = "window") -> Tensor:
    """Mean of `target_losses` over the targets that have one; parameters as there.

    Returns
    -------
    Scalar, 0 (with zero gradients) where no target has one.
    """
    return mean_over_targets(*target_losses(predictions, labels, mask, scope=scope))


def mean_over_targets(losses: Tensor, windows: Tensor) -> Tensor:
    """Average what `target_losses` returns over the targets that have a loss."""
    return losses.sum() / (windows > 0).sum().clamp_min(1)


def target_losses(
    predictions: Tensor, labels: Tensor, mask: Tensor, *, scope: Scope = "window"
) -> tuple[Tensor, Tensor]:
    """1 - CCC of each target, with CCC = 2 cov / (var + var + (mean - mean)^2).

    Parameters
    ----------
    predictions : (b, t, k)
    labels : (b, t, k), NaN where a target is not annotated
    mask : (b, t) bool, False at padding
    scope : ``"window"`` takes the CCC of each window and averages, for each target, those windows that have at least
        two frames with its annotation (published); ``"batch"`` takes one CCC over all frames of the batch

    Returns
    -------
    losses : (k,), 0 (with zero gradients) where no window has two such frames
    windows : (k,), over how many windows each is averaged
    """
    if scope == "batch":
        predictions, labels, mask = predictions.flatten(0, 1)[None], labels.flatten(0, 1)[None], mask.flatten()[None]
    predictions, labels = predictions.float(), labels.float()
    annotated = mask.unsqueeze(-1) & ~labels.isnan()  # (b, t, k)
    weight = annotated.to(predictions.dtype)
    count = weight.sum(dim=1)  # (b, k)
    used = (count >= 2).to(predictions.dtype)
    count = count.clamp_min(1)
    labels = labels.where(annotated, labels.new_zeros(()))
    mean_label = labels.sum(dim=1) / count
    mean_prediction = (weight * predictions).sum(dim=1) / count
    label = weight * (labels - mean_label.unsqueeze(1))  # (b, t, k)
    prediction = weight * (predictions - mean_prediction.unsqueeze(1))
    covariance = (label * prediction).sum(dim=1) / count
    spread = (label.square().sum(dim=1) + prediction.square().sum(dim=1)) / count
    ccc = 2 * covariance / (spread + (mean_label - mean_prediction).square() + EPSILON)  # (b, k)
    windows = used.sum(dim=0)
    return ((1 - ccc) * used).sum(dim=0) / windows.clamp_min(1), windows
