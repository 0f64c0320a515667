"""From an entry of `models` to a network: fusion systems and temporal encoders are found by their modules' names."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, cast

from torch import nn

from pipeline.fusion.blocks.system import FusionSystem
from pipeline.models.config import ModelConfig
from pipeline.models.fusion_model import FusionModel
from pipeline.runtime.errors import ConfigError


def stream_roles(modalities: Sequence[str]) -> tuple[str, ...]:
    """Name each stream by its modality; a second stream of one modality is ``"audio_2"``, and so on."""
    return tuple(
        modality if (nth := modalities[:place].count(modality)) == 0 else f"{modality}_{nth + 1}"
        for place, modality in enumerate(modalities)
    )


def constructor_options(*constructors: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return what params.yaml may set: the keywords that have a default. Widths, length and ranges have none."""
    return {
        name: parameter
        for constructor in constructors
        for name, parameter in inspect.signature(constructor, eval_str=True).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not parameter.empty
    }


def build_encoders(config: ModelConfig, *, in_features: Mapping[str, int]) -> dict[str, nn.Module]:
    """Build the temporal encoder of each role; see `build_network`."""
    unknown = [role for role in config.encoders if role not in in_features]
    if unknown:
        known = ", ".join(in_features)
        raise ConfigError(f"encoders: no stream has the role {unknown[0]!r}; the streams' roles are: {known}")
    encoder = import_module(f"pipeline.temporal.{config.temporal}").ENCODER
    return {role: encoder(in_features=width, **config.encoders.get(role, {})) for role, width in in_features.items()}


def build_network(
    config: ModelConfig,
    *,
    in_features: Mapping[str, int],
    length: int,
    ranges: Sequence[tuple[float, float]],
) -> FusionModel:
    """Build the model of `config`; its options go to the head where the head has them, else to the fusion system.

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
    ValueError
        The streams are not those that the fusion system needs, or an option is out of its range.
    """
    encoders = build_encoders(config, in_features=in_features)
    widths = {role: cast(int, module.out_features) for role, module in encoders.items()}
    fusion: type[FusionSystem] = import_module(f"pipeline.fusion.{config.fusion}").FUSION
    of_head = constructor_options(fusion.HEAD)
    options = {name: value for name, value in config.options.items() if name not in of_head}
    system = fusion.for_streams(widths=widths, length=length, **options)
    head = system.build_head(
        ranges=ranges, **{name: value for name, value in config.options.items() if name in of_head}
    )
    return FusionModel(encoders=encoders, system=system, head=head)
