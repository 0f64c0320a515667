"""What every fusion system takes and gives, whatever happens in between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from torch import Tensor, nn


@dataclass(frozen=True)
class FusionOutput:
    """One batch of windows, seen by a fusion system.

    Parameters
    ----------
    predictions : (b, t, k), in the targets' units
    features : (b, t, d), what the head read
    attention : what a person would want to look at (gates, attention maps), by name; empty where there is nothing
    """

    predictions: Tensor
    features: Tensor
    attention: dict[str, Tensor] = field(default_factory=dict)


class FusionSystem(Protocol):
    """A fusion system is an `nn.Module`, named `FUSION` in its file, that is built and called like this."""

    @classmethod
    def from_streams(
        cls,
        *,
        encoders: Mapping[str, nn.Module],
        widths: Mapping[str, int],
        length: int,
        ranges: Sequence[tuple[float, float]],
        **options: Any,
    ) -> Self:
        """Build the system for named streams.

        Parameters
        ----------
        encoders : temporal encoder of each role ("visual", "audio", "audio_2"), (b, t, d_in) to (b, t, widths[role])
        widths : width of each encoder's output
        length : frames in a window; only systems with a time x time weight are bound to it
        ranges : (low, high) of each target
        options : the system's own, each with a type and a default

        Raises
        ------
        ValueError
            if the roles are not those that the system needs, or an option is out of its range
        """
        ...

    def __call__(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict the targets at every frame.

        Parameters
        ----------
        streams : (b, t, d_in) for each role
        mask : (b, t) bool, true at frames that exist. What a padded frame holds never reaches an existing frame's
            prediction, save through a temporal encoder. Whether a frame is annotated is the loss's concern.
        """
        ...
