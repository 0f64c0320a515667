"""What can be known to be wrong before anything runs: every section, every model's options, every backbone's inputs."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ConfigDict, ValidationError, create_model
from torch.overrides import TorchFunctionMode

from pipeline.backbones.common.crops import impossible_views
from pipeline.backbones.common.datasets import FACES_REMEDY, SOUND_REMEDY
from pipeline.backbones.common.interface import available_backbones, load_backbone
from pipeline.config import Params, load
from pipeline.ingest.config import ClipsConfig
from pipeline.models.build import build_encoders, build_network, constructor_options, stream_roles
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.section import nearest
from pipeline.training.config import TrainingConfig

M = TypeVar("M")


def check_file(path: str | Path = "params.yaml") -> Params:
    """Read a whole params.yaml, and check the inputs of every backbone and the network of every model.

    Raises
    ------
    ConfigError
        Lists what is wrong, by its path.
    """
    params = load(path)
    _refuse([*backbone_faults(params), *model_faults(params)], path)
    return params


def check_backbones(params: Params) -> None:
    """Check every backbone's inputs; see `backbone_faults`.

    Raises
    ------
    ConfigError
        Lists all faults.
    """
    _refuse(backbone_faults(params))


def check_models(params: Params) -> None:
    """Check every model's network; see `model_faults`.

    Raises
    ------
    ConfigError
        Lists all faults.
    """
    _refuse(model_faults(params))


def _refuse(faults: Sequence[str], path: str | Path = "params.yaml") -> None:
    if faults:
        raise ConfigError("\n".join([f"{path}:", *(f"  {fault}" for fault in faults)]))


def backbone_faults(params: Params) -> list[str]:
    """Describe each backbone that does not exist, each dataset that clips lack, and each impossible view."""
    known = available_backbones()
    faults = [
        f"backbones.{name}: there is no backbone of this name{nearest(name, dict.fromkeys(known))}"
        for name in params.backbones
        if name not in known
    ]
    for name, config in params.backbones.items():
        if name in known:
            backbone = load_backbone(name)
            faults += [f"backbones.{name} {fault}" for fault in missing_datasets(backbone.DATASETS, params.clips)]
            views = impossible_views(backbone, config.views, face_size=params.clips.face_size)
            faults += [f"backbones.{name}.views: {fault}" for fault in views]
    return faults


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


def model_faults(params: Params) -> list[str]:
    """Describe what is wrong with each model's modules, options, streams and windows, by its path."""
    faults = []
    for name, model in params.models.items():
        at = f"models.{name}"
        found = _check_options("fusion", model.fusion, model.options, at=at, key="options")
        for role, options in (model.encoders or {"": {}}).items():
            key = f"encoders.{role}" if role else "encoders"
            found += _check_options("temporal", model.temporal, options, at=at, key=key)
        # A network can only be built from options that are known and of the right type.
        faults += found or network_faults(params, name)
    return list(dict.fromkeys(faults))


def network_faults(params: Params, name: str) -> list[str]:
    """Build a model's network without memory for its weights, and describe what prevents it or is too large."""
    model, at = params.models[name], f"models.{name}"
    known = available_backbones()
    if any(stream not in known for stream in model.streams):
        return []  # said of its backbone
    backbones = [load_backbone(stream) for stream in model.streams]
    roles = stream_roles([backbone.MODALITY for backbone in backbones])
    widths = {role: backbone.DIMENSION for role, backbone in zip(roles, backbones, strict=True)}
    training = params.training_of(name)
    ranges = list(params.corpus.targets.values())
    encoders, part = model.encoders, "encoders"
    try:
        without_memory(lambda: build_encoders(model, in_features=widths))
        part = "options" if len(model.options) else "fusion"
        network = without_memory(
            lambda: build_network(model, in_features=widths, length=training.window, ranges=ranges)
        )
    except ConfigError as error:
        return [f"{at}.{error}"]
    except (ValueError, RuntimeError, TypeError) as error:
        where = f"{at}.{part}" if part != "encoders" or encoders else at
        return [f"{where}: {error}"]
    weights = sum(parameter.numel() for parameter in network.parameters())
    return _memory_faults(at, weights=weights, width=sum(widths.values()), training=training)


def without_memory(make: Callable[[], M]) -> M:
    """Return what `make` makes, modules above all, with weights of any size that take no memory."""
    with torch.device("meta"):
        try:
            with _Unloaded():
                return make()
        except (ValueError, RuntimeError, TypeError):
            return make()  # the fault again, or no fault at all: given numbers met weights


class _Unloaded(TorchFunctionMode):
    """Spares PyTorch from loading its compiler, for 2 s, where norms or given numbers are computed without memory."""

    def __torch_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: Mapping[str, Any] | None = None
    ) -> Any:
        if function is torch.norm_except_dim:
            weight, _, kept = arguments
            return weight.new_empty([size if axis == kept else 1 for axis, size in enumerate(weight.shape)])
        if function is torch.tensor:
            return function(*arguments, **{"device": "cpu", **(options or {})})
        return function(*arguments, **(options or {}))


COPIES = 4
"""Numbers kept per weight in training: the weight, its gradient, and Adam's two moments."""


def _memory_faults(at: str, *, weights: int, width: int, training: TrainingConfig) -> list[str]:
    """Compare with the machine's memory what one batch needs at the least: its features and a copy of them."""
    needed = 4 * (COPIES * weights + 2 * training.batch * training.window * width)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed <= memory:
        return []
    return [
        f"{at}: training on batches of {training.batch} windows of {training.window} frames needs more than "
        f"{needed / 2**30:.0f} GiB, and this machine has {memory / 2**30:.0f} -> reduce training.window or batch"
    ]


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
