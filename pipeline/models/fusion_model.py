"""One model: a temporal encoder for each stream, a fusion system, and a head."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from pipeline.fusion.blocks.system import FusionSystem
from pipeline.fusion.blocks.voting import Votes, VotingHead


@dataclass(frozen=True)
class FusionOutput:
    """What a model computes for one batch of windows.

    Parameters
    ----------
    predictions : (b, t, k), in the targets' units
    features : (b, t, d), which the head reads
    attention : what is worth looking at (gates, attention maps), by name; empty where there is nothing
    votes : the predictions that were weighed, of a model whose head does so; they have a loss of their own
    """

    predictions: Tensor
    features: Tensor
    attention: dict[str, Tensor] = field(default_factory=dict)
    votes: Votes | None = None


class FusionModel(nn.Module):
    """Encode each stream, fuse them, map the fused features to the targets.

    The state dict names the parts `encoders.<role>`, `system` and `head`, so that the encoder of one model can start
    another's, and fine-tuning finds the head.

    Parameters
    ----------
    encoders : temporal encoder of each role, (b, t, d_in) to (b, t, out_features)
    system : built for the encoders' roles and widths
    head : (b, t, system.out_features) to (b, t, k)
    """

    def __init__(self, *, encoders: Mapping[str, nn.Module], system: FusionSystem, head: nn.Module) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(dict(encoders))
        self.system = system
        self.head = head

    def encode(self, streams: Mapping[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
        """Encode every stream, with zeros at masked frames.

        Zeros are what makes sums over time (correlations, attention) run over existing frames alone.

        Parameters
        ----------
        streams : (b, t, d_in) for each role
        mask : (b, t) bool, true at frames that exist

        Returns
        -------
        (b, t, d_m) for each role, in the order of `encoders`

        Raises
        ------
        ValueError
            if the roles, a shape or the mask's type is not what the model was built for
        """
        if set(streams) != set(self.encoders):
            raise ValueError(f"the model reads the streams {list(self.encoders)}, got {list(streams)}")
        if mask.dtype != torch.bool or mask.ndim != 2:
            raise ValueError(f"mask must be boolean of shape (b, t), got {mask.dtype} of shape {tuple(mask.shape)}")
        absent = ~mask.unsqueeze(-1)
        encoded = {}
        for role, encoder in self.encoders.items():
            x: Tensor = encoder(streams[role])
            expected = (*mask.shape, encoder.out_features)
            if x.shape != expected:
                raise ValueError(
                    f"stream {role!r} of shape {tuple(streams[role].shape)} was encoded to {tuple(x.shape)}; "
                    f"the mask and the encoder's width ask for {expected}"
                )
            encoded[role] = x.masked_fill(absent, 0.0)
        return encoded

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict the targets at every frame.

        Parameters
        ----------
        streams : (b, t, d_in) for each role
        mask : (b, t) bool, true at frames that exist. What a padded frame holds never reaches an existing frame's
            prediction, save through a temporal encoder.
        """
        features, attention = self.system(self.encode(streams, mask), mask)
        if not isinstance(self.head, VotingHead):
            return FusionOutput(predictions=self.head(features), features=features, attention=attention)
        votes = self.head.votes(features)
        predictions = votes.weighed(sharpness=self.head.sharpness)
        return FusionOutput(predictions=predictions, features=features, attention=attention, votes=votes)
