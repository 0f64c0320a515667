"""The loss: one minus the concordance correlation coefficient, with masked frames left out."""

from typing import Literal

from torch import Tensor

EPSILON = 1e-8
"""Added to the denominator, so that constant labels and predictions give a finite value and gradient."""


def ccc_loss(
    predictions: Tensor, labels: Tensor, mask: Tensor, *, scope: Literal["window", "batch"] = "window"
) -> Tensor:
    """Mean over targets of 1 - CCC, with CCC = 2 cov / (var + var + (mean - mean)^2).

    Parameters
    ----------
    predictions : (b, t, k)
    labels : (b, t, k); any finite number where `mask` is False
    mask : (b, t) bool, True where a frame is annotated and not padding
    scope : ``"window"`` takes the CCC of each window and averages those that have at least two such frames
        (published); ``"batch"`` takes one CCC over all frames of the batch

    Returns
    -------
    Scalar, 0 (with zero gradients) where there is no window with two annotated frames.
    """
    if scope == "batch":
        predictions, labels, mask = predictions.flatten(0, 1)[None], labels.flatten(0, 1)[None], mask.flatten()[None]
    predictions, labels = predictions.float(), labels.float()
    weight = mask.unsqueeze(-1).to(predictions.dtype)  # (b, t, 1)
    count = weight.sum(dim=1)  # (b, 1)
    used = (count >= 2).to(predictions.dtype)  # (b, 1)
    count = count.clamp_min(1)
    labels = labels.where(mask.unsqueeze(-1), labels.new_zeros(()))
    mean_label = (weight * labels).sum(dim=1) / count  # (b, k)
    mean_prediction = (weight * predictions).sum(dim=1) / count
    label = weight * (labels - mean_label.unsqueeze(1))  # (b, t, k)
    prediction = weight * (predictions - mean_prediction.unsqueeze(1))
    covariance = (label * prediction).sum(dim=1) / count
    spread = (label.square().sum(dim=1) + prediction.square().sum(dim=1)) / count
    ccc = 2 * covariance / (spread + (mean_label - mean_prediction).square() + EPSILON)  # (b, k)
    return ((1 - ccc) * used).mean(dim=-1).sum() / used.sum().clamp_min(1)
