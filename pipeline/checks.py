"""What can be known to be wrong before anything runs: every section, every model's options, every backbone's inputs."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError, create_model

from pipeline.backbones.common.crops import impossible_views
from pipeline.backbones.common.datasets import FACES_REMEDY, SOUND_REMEDY
from pipeline.backbones.common.interface import available_backbones, load_backbone
from pipeline.config import Params, load
from pipeline.ingest.config import ClipsConfig
from pipeline.models.build import constructor_options
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.section import nearest


def check_file(path: str | Path = "params.yaml") -> Params:
    """Read a whole params.yaml, and check the options of every model and the inputs of every backbone.

    Raises
    ------
    ConfigError
        Lists what is wrong, by its path.
    """
    params = load(path)
    check_backbones(params)
    check_models(params)
    return params


def check_backbones(params: Params) -> None:
    """Compare the datasets and views of each known backbone with the section `clips`.

    A name without a backbone is reported by its own stage.

    Raises
    ------
    ConfigError
        Lists every dataset that clips lack and every impossible view, and what to set.
    """
    known = available_backbones()
    problems = [
        f"backbones.{name} {problem}"
        for name in params.backbones
        if name in known
        for problem in missing_datasets(load_backbone(name).DATASETS, params.clips)
    ]
    problems += [
        f"backbones.{name}.views: {problem}"
        for name, config in params.backbones.items()
        if name in known
        for problem in impossible_views(load_backbone(name), config.views, face_size=params.clips.face_size)
    ]
    if problems:
        raise ConfigError("\n".join(["params.yaml:", *(f"  {problem}" for problem in problems)]))


def missing_datasets(datasets: Iterable[str], clips: ClipsConfig) -> list[str]:
    """Describe each dataset that clips of these parameters lack and what to set, sorted."""
    sizes = {clips.face_size, *clips.other_face_sizes}
    rates = {clips.sample_rate, *clips.other_sample_rates}
    missing = []
    for dataset in sorted(datasets):
        kind, _, number = dataset.partition("_")
        if not number:
            continue
        if kind == "faces" and int(number) not in sizes:
            missing.append(f"expects faces of {number} pixels: {FACES_REMEDY.format(number)}")
        if kind == "audio" and int(number) not in rates:
            missing.append(f"expects sound at {number} Hz: {SOUND_REMEDY.format(number)}")
    return missing


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
    constructors = (target, target.HEAD) if package == "fusion" else (target,)
    fields: dict[str, Any] = {
        option: (parameter.annotation, parameter.default)
        for option, parameter in constructor_options(*constructors).items()
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
