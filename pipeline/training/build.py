"""From a line of params.yaml to a network: fusion systems and temporal encoders are found by their modules' names."""

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from pydantic import ConfigDict, ValidationError, create_model
from torch import nn

from pipeline.config.params import Params
from pipeline.config.section import nearest
from pipeline.config.training import ModelConfig
from pipeline.errors import ConfigError

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


def check_models(params: Params) -> None:
    """Check every model's fusion system, temporal encoder and options before anything runs.

    Raises
    ------
    ConfigError
        Lists each unknown module or option by its path, with the nearest known one.
    """
    problems: list[str] = []
    for name, model in params.models.items():
        at = f"models.{name}"
        problems += _check_options("fusion", model.fusion, model.options, at=at, key="options")
        for role, options in model.encoders.items():
            problems += _check_options("temporal", model.temporal, options, at=at, key=f"encoders.{role}")
        if not model.encoders:
            problems += _check_options("temporal", model.temporal, {}, at=at, key="encoders")
    if problems:
        raise ConfigError("\n".join(["params.yaml:", *(f"  {problem}" for problem in problems)]))


def _check_options(package: str, module: str, options: Mapping[str, Any], *, at: str, key: str) -> list[str]:
    constant = "FUSION" if package == "fusion" else "ENCODER"
    known = _modules(package)
    if module not in known or not hasattr(import_module(f"pipeline.{package}.{module}"), constant):
        return [f"{at}.{package}: no module {module!r}{nearest(module, known)}"]
    target = getattr(import_module(f"pipeline.{package}.{module}"), constant)
    signature = inspect.signature(target.from_streams if package == "fusion" else target, eval_str=True)
    fields: dict[str, Any] = {
        option: (parameter.annotation, parameter.default if parameter.default is not parameter.empty else ...)
        for option, parameter in signature.parameters.items()
        if option not in GIVEN and parameter.kind is parameter.KEYWORD_ONLY
    }
    problems = [f"{at}.{key}.{option}: unknown{nearest(option, fields)}" for option in options if option not in fields]
    schema = create_model("Options", __config__=ConfigDict(arbitrary_types_allowed=True), **fields)
    try:
        schema.model_validate({option: value for option, value in options.items() if option in fields})
    except ValidationError as error:
        problems += [
            f"{at}.{key}.{'.'.join(map(str, problem['loc']))}: {problem['msg']}, got {problem['input']!r}"
            for problem in error.errors()
        ]
    return problems


def _modules(package: str) -> dict[str, Path]:
    spec = find_spec(f"pipeline.{package}")
    folders = list(spec.submodule_search_locations or []) if spec else []
    files = (file for folder in folders for file in sorted(Path(folder).glob("*.py")))
    return {file.stem: file for file in files if file.stem != "__init__"}
