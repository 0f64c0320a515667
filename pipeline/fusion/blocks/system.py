"""The base of every fusion system: the streams that it needs, the width of its features, and its head."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeAlias

from torch import Tensor, nn

from pipeline.fusion.blocks.head import RegressionHead

Fused: TypeAlias = tuple[Tensor, dict[str, Tensor]]
"""Features (b, t, d), and by name what is worth looking at (gates, attention maps); empty where there is nothing."""


class FusionSystem(nn.Module):
    """From the encoded streams of a window to features of each frame; a module names its system `FUSION`.

    A subclass is constructed with the keywords `widths` (of each encoded stream, by role), `length` (frames in a
    window; only systems with a time x time weight are bound to it) and its own options, each with a type and a default;
    these are the `options` of params.yaml, together with the head's. It sets `out_features` and implements `forward`.

    Attributes
    ----------
    ROLES : roles ("visual", "audio", "audio_2") that must be among the streams
    STREAMS : how many streams there may be, at least and at most (None: any number)
    HEAD : from features to targets; built with `in_features`, `ranges` and its own options
    out_features : width d of the features
    """

    ROLES: ClassVar[tuple[str, ...]] = ()
    STREAMS: ClassVar[tuple[int, int | None]] = (2, None)
    HEAD: ClassVar[Callable[..., nn.Module]] = RegressionHead

    out_features: int

    @classmethod
    def for_streams(cls, *, widths: Mapping[str, int], length: int, **options: Any) -> Self:
        """Build the system for named streams.

        Parameters
        ----------
        widths : width of each encoded stream, by role
        length : frames in a window
        options : the system's own

        Raises
        ------
        ValueError
            The streams are not those that the system needs, or an option is out of its range.
        """
        cls._check_streams(list(widths))
        return cls(**cls._widths(widths), length=length, **options)

    def build_head(self, *, ranges: Sequence[tuple[float, float]], **options: Any) -> nn.Module:
        """Build the head for targets of these ranges (low, high), with the head's own options."""
        return type(self).HEAD(in_features=self.out_features, ranges=ranges, **options)

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Fuse.

        Parameters
        ----------
        x : (b, t, d_m) for each role, zero at masked frames: sums over time run over existing frames alone
        mask : (b, t) bool, true at frames that exist. A masked frame never reaches the features of an existing one.
            Whether a frame is annotated is the loss's concern.

        Returns
        -------
        features : (b, t, out_features)
        attention : by name, each (b, ...)
        """
        raise NotImplementedError

    @classmethod
    def _widths(cls, widths: Mapping[str, int]) -> dict[str, Any]:
        return {"widths": dict(widths)}

    @classmethod
    def _check_streams(cls, roles: Sequence[str]) -> None:
        least, most = cls.STREAMS
        if set(cls.ROLES) <= set(roles) and least <= len(roles) and (most is None or len(roles) <= most):
            return
        count = f"{least} or more" if most is None else str(least) if least == most else f"{least} to {most}"
        among = f", {' and '.join(map(repr, cls.ROLES))} among them" if cls.ROLES else ""
        system = cls.__module__.rpartition(".")[2]
        raise ValueError(f"{system} needs {count} stream{'' if most == 1 else 's'}{among}; got {list(roles)}")


class AudioVisualSystem(FusionSystem):
    """A system of one audio and one visual stream: constructed with `d_a` and `d_v` in the place of `widths`."""

    ROLES = ("audio", "visual")
    STREAMS = (2, 2)

    @classmethod
    def _widths(cls, widths: Mapping[str, int]) -> dict[str, Any]:
        return {"d_a": widths["audio"], "d_v": widths["visual"]}
