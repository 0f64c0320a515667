"""A preset states what differs from the published defaults, and what dvc.yaml names; nothing else."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pipeline.backbones.common.config import BackboneConfig
from pipeline.config import Params, load
from pipeline.evaluation.config import EnsembleConfig
from pipeline.models.build import constructor_options
from pipeline.models.config import ModelConfig
from pipeline.runtime.section import read_yaml

ROOT = Path(__file__).parents[1]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
NEEDED = {
    *("compute.numerics", "corpus.kind", "corpus.targets", "corpus.sample", "finetune.models"),
    *("clips", "folds", "backbones", "training", "models", "finetune", "evaluate", "ensembles", "report"),
}
"""What dvc.yaml names in its templates and parameters: DVC stops where it is missing."""

each_preset = pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)


def named_parameters() -> set[str]:
    """Return the paths in dvc.yaml's `params:` that hold no name of a stage."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    paths = [path for stage in stages for path in (stage.get("do") or stage)["params"]]
    return {path for path in paths if "$" not in path}


def test_the_list_of_what_dvc_needs_is_that_of_dvc_yaml() -> None:
    named = named_parameters()
    assert {"clips", "training"} <= named
    assert named - {"corpus"} <= NEEDED
    assert {path for path in NEEDED if "." in path} - {"finetune.models"} <= named


@each_preset
def test_a_preset_has_every_key_that_dvc_needs(path: Path) -> None:
    data = read_yaml(path)
    for key in NEEDED:
        section, _, name = key.partition(".")
        assert section in data
        assert not name or name in data[section]
    for model in data["models"].values():
        assert {"fusion", "streams", "temporal"} <= set(model)


def defaults(section: type[BaseModel]) -> dict[str, Any]:
    """Return the defaults of a section's keys."""
    return {name: field.get_default() for name, field in section.model_fields.items() if not field.is_required()}


def options(package: str, module: str) -> dict[str, Any]:
    """Return the options of a fusion system, its head's included, or of a temporal encoder, with their defaults."""
    if package == "temporal":
        constructors = [import_module(f"pipeline.temporal.{module}").ENCODER]
    else:
        system = import_module(f"pipeline.fusion.{module}").FUSION
        constructors = [system, system.HEAD]
    return {name: parameter.default for name, parameter in constructor_options(*constructors).items()}


def stated(data: Mapping[str, Any], params: Params) -> Iterator[tuple[str, Any, Any]]:
    """Yield the path of every value in a preset that has a default, the value, and its default."""
    sections: dict[str, type[BaseModel]] = {
        name: type(getattr(params, name)) for name in data if isinstance(getattr(params, name), BaseModel)
    }
    for section, kind in sections.items():
        known = defaults(kind)
        yield from ((f"{section}.{key}", value, known[key]) for key, value in data[section].items() if key in known)
    entries: tuple[tuple[str, type[BaseModel]], ...] = (
        ("backbones", BackboneConfig),
        ("models", ModelConfig),
        ("ensembles", EnsembleConfig),
    )
    for section, kind in entries:
        known = defaults(kind)
        for name, entry in data[section].items():
            yield from ((f"{section}.{name}.{key}", entry[key], known[key]) for key in entry if key in known)
    for name, model in data["models"].items():
        of_fusion, of_encoder = options("fusion", model["fusion"]), options("temporal", model["temporal"])
        for key, value in model.get("options", {}).items():
            yield f"models.{name}.options.{key}", value, of_fusion[key]
        for role, encoder in model.get("encoders", {}).items():
            for key, value in encoder.items():
                yield f"models.{name}.encoders.{role}.{key}", value, of_encoder[key]
        training = params.training.model_dump(mode="json")
        for key, value in model.get("training", {}).items():
            yield f"models.{name}.training.{key}", value, training[key]
    tuning = params.finetune.model_dump(mode="json")
    for name, overrides in data["finetune"]["models"].items():
        for key, value in overrides.items():
            yield f"finetune.models.{name}.{key}", value, tuning.get(key)


def plain(value: Any) -> Any:
    """Return the value as YAML has it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, tuple | list) else value


@each_preset
def test_no_value_is_copied_from_the_defaults(path: Path) -> None:
    found = list(stated(read_yaml(path), load(path)))
    assert len(found) > 5
    assert not [key for key, value, default in found if plain(value) == plain(default) and key not in NEEDED]


def test_a_copied_default_would_be_found() -> None:
    data = read_yaml(ROOT / "presets" / "demo.yaml")
    data["training"]["seed"] = 3407
    data["backbones"]["ir50"]["store"] = "float16"
    data["models"]["grjca"]["options"] = {"iterations": 2}
    data["models"]["grjca"]["encoders"]["audio"]["kernel_size"] = 5
    params = load(ROOT / "presets" / "demo.yaml")
    found = {key for key, value, default in stated(data, params) if plain(value) == plain(default)}
    assert {
        "training.seed",
        "backbones.ir50.store",
        "models.grjca.options.iterations",
        "models.grjca.encoders.audio.kernel_size",
    } <= found


def test_the_switches_of_the_released_codes_are_in_their_preset() -> None:
    params = load(ROOT / "presets" / "affwild2-as-released.yaml")
    assert (params.training.gaps, params.training.standardise) == ("compact", "scalar")
    assert params.finetune_of("leader_follower").frozen == ("vggish",)
    for name in ("rjca", "grjca"):
        own = params.models[name].options
        assert own["residual_dropout"] == 0.6
        assert all(own[switch] is True for switch in ("bias", "tanh_attention", "relu_residual"))
