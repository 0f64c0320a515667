"""From a line of params.yaml to a network: fusion systems and temporal encoders are found by their modules' names."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import cast

from torch import nn

from pipeline.models.config import ModelConfig
from pipeline.runtime.errors import ConfigError

GIVEN = frozenset({"encoders", "widths", "length", "ranges", "in_features"})
"""What the training supplies; every other keyword of a constructor is an option of params.yaml."""


def stream_roles(modalities: Sequence[str]) -> tuple[str, ...]:
    """Name each stream by its modality; a second stream of one modality is ``"audio_2"``, and so on."""
    return tuple(
        modality if (nth := modalities[:place].count(modality)) == 0 else f"{modality}_{nth + 1}"
        for place, modality in enumerate(modalities)
    )


def build_network(
    config: ModelConfig,
    *,
    in_features: Mapping[str, int],
    length: int,
    ranges: Sequence[tuple[float, float]],
) -> nn.Module:
    """Build the fusion system of `config` with its temporal encoders.

    Parameters
    ----------
    config : one entry of `models`
    in_features : feature width of each stream, by role, in the order of `config.streams`
    length : frames in a window
    ranges : (low, high) of each target

    Raises
    ------
    ConfigError
        An encoder is configured for a role that the model does not have.
    """
    unknown = [role for role in config.encoders if role not in in_features]
    if unknown:
        known = ", ".join(in_features)
        raise ConfigError(f"encoders: no stream has the role {unknown[0]!r}; the streams' roles are: {known}")
    encoder = import_module(f"pipeline.temporal.{config.temporal}").ENCODER
    encoders = {
        role: encoder(in_features=width, **config.encoders.get(role, {})) for role, width in in_features.items()
    }
    widths = {role: int(module.out_features) for role, module in encoders.items()}
    fusion = import_module(f"pipeline.fusion.{config.fusion}").FUSION
    network = fusion.from_streams(
        encoders=encoders, widths=widths, length=length, ranges=tuple(ranges), **config.options
    )
    return cast(nn.Module, network)
