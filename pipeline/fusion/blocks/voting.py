"""Several predictions of each frame, weighed by how reliable each is expected to be."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.head import RegressionHead


@dataclass(frozen=True)
class Votes:
    """What the voters of a model say of each frame: each stream alone, in order, and last all of them together.

    Parameters
    ----------
    predictions : (b, t, V, k), in the targets' units
    precision : (b, t, V), log of the expected precision: exp(-precision) is the squared error that the voter expects
        of itself, as a share of the target's variance
    """

    predictions: Tensor
    precision: Tensor

    def weighed(self, *, sharpness: float) -> Tensor:
        """Return the mean of the predictions, (b, t, k), with weights softmax(sharpness * precision) over the voters.

        A sharpness of 1 weighs by the precision itself.
        """
        weights = torch.softmax(sharpness * self.precision, dim=-1)
        return (weights.unsqueeze(-1) * self.predictions).sum(dim=-2)


class VotingHead(nn.Module):
    """A linear regression head for each voter; the prediction is their weighed mean.

    Parameters
    ----------
    in_features : width of the fused features: those of each voter, all of one width, then the V precisions
    ranges : (low, high) of each of the k targets
    voters : V, one for each stream and one for all together
    dropout : probability on each voter's features
    sharpness : see `Votes.weighed`

    Raises
    ------
    ValueError
        for fewer than two voters, features that they cannot share, a sharpness that is not positive, or as
        `RegressionHead`
    """

    def __init__(
        self,
        *,
        in_features: int,
        ranges: Sequence[tuple[float, float]],
        voters: int,
        dropout: float = 0.5,
        sharpness: float = 8.0,
    ) -> None:
        super().__init__()
        if voters < 2 or in_features % voters:
            raise ValueError(f"two or more voters share the features evenly, got {voters} and {in_features} features")
        if not sharpness > 0:
            raise ValueError(f"sharpness must be positive, got {sharpness}")
        self.sharpness = sharpness
        self.width = in_features // voters - 1
        self.voters = nn.ModuleList(
            RegressionHead(in_features=self.width, ranges=ranges, hidden=None, dropout=dropout) for _ in range(voters)
        )

    def votes(self, features: Tensor) -> Votes:
        """Let every voter predict from its part of features : (b, t, V (width + 1))."""
        parts, precision = features[..., : -len(self.voters)], features[..., -len(self.voters) :]
        each = parts.reshape(*parts.shape[:-1], len(self.voters), self.width).unbind(dim=-2)
        predictions = [voter(part) for voter, part in zip(self.voters, each, strict=True)]
        return Votes(torch.stack(predictions, dim=-2), precision)

    def forward(self, features: Tensor) -> Tensor:
        """Map features : (b, t, V (width + 1)) to predictions (b, t, k)."""
        return self.votes(features).weighed(sharpness=self.sharpness)
