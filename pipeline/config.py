"""The sections of params.yaml as frozen, typed objects; an unknown key names itself and its nearest neighbour."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import ConfigError

S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """Base of all sections: frozen, strict about types, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CorpusConfig(Section):
    """Where the corpus lies and what is annotated; read by `affectflow index` and the clips stage."""

    kind: Literal["affwild2"]
    root: str
    index: str
    image_size: int = Field(default=112, gt=0)
    targets: dict[str, tuple[float, float]] = Field(default={"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)})
    sample: str | None = None

    @model_validator(mode="after")
    def _check_ranges(self) -> "CorpusConfig":
        if not self.targets:
            raise ValueError("targets: at least one is needed")
        for name, (low, high) in self.targets.items():
            if low >= high:
                raise ValueError(f"targets.{name}: the range [{low}, {high}] is empty")
        return self


class ClipsConfig(Section):
    """One HDF5 clip per trial."""

    face_size: int = Field(default=48, ge=40)
    sample_rate: int = Field(default=16000, gt=0)
    on_error: Literal["fail", "skip"] = "fail"


class FoldsConfig(Section):
    """How trials are split for cross-validation."""

    scheme: Literal["abaw", "subject"] = "subject"
    count: int = Field(default=6, ge=2)


class BackboneConfig(Section):
    """One backbone: its weights and the precision of computation and storage."""

    weights: str
    sha256: str | None = None
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    batch: int = Field(default=32, gt=0)
    store: Literal["float16", "float32"] = "float16"


class TrainingConfig(Section):
    """How a fold is trained; the defaults are the published values (GRJCA paper section 2.2)."""

    window: int = Field(default=300, gt=1)
    hop: int = Field(default=200, gt=0)
    gaps: Literal["mask", "compact"] = "mask"
    standardise: Literal["per_dimension", "scalar"] = "per_dimension"
    batch: int = Field(default=12, gt=0)
    scope: Literal["window", "batch"] = "window"
    targets: Literal["joint", "separate"] = "joint"
    warm_start: Literal["none", "unimodal"] = "none"
    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=5e-4, ge=0)
    warm_up: Literal["sawtooth", "linear"] = "sawtooth"
    warm_up_epochs: int = Field(default=5, ge=0)
    plateau_factor: float = Field(default=0.1, gt=0, lt=1)
    plateau_patience: int = Field(default=5, ge=0)
    min_learning_rate: float = Field(default=1e-8, ge=0)
    epochs: int = Field(default=100, gt=0)
    early_stopping: int = Field(default=50, gt=0)
    seed: int = Field(default=3407, ge=0)
    precision: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def _check_hop(self) -> "TrainingConfig":
        if self.hop > self.window:
            raise ValueError(f"hop {self.hop} exceeds window {self.window}: frames between windows would never be seen")
        return self


class PublishedKey(Section):
    """The row of the published tables that a model is compared with."""

    source: str
    method: str
    modality: Literal["audio", "visual", "fusion"]


class ModelConfig(Section):
    """One model: any fusion system over any backbones' streams and temporal encoders."""

    fusion: str
    streams: tuple[str, ...] = Field(min_length=1, max_length=3)
    temporal: str = "tcn"
    encoders: dict[str, dict[str, Any]] = {}
    options: dict[str, Any] = {}
    training: dict[str, Any] = {}
    published: PublishedKey | None = None

    def architecture(self) -> dict[str, Any]:
        """Return what decides the network, without how it is trained or what it is compared with."""
        return self.model_dump(mode="json", exclude={"training", "published"})


class EvaluateConfig(Section):
    """How folds are combined into test predictions."""

    top_folds: int = Field(default=3, gt=0)
    combine: Literal["mean", "ccc_centred"] = "mean"


class ReportConfig(Section):
    """What the report page shows."""

    title: str = "affectflow report"
    traces: int = Field(default=4, ge=0)


class ComputeConfig(Section):
    """On what the work runs; no result and no DVC stage depends on it."""

    engine: Literal["serial", "processes", "ray"] = "processes"
    workers: Literal["auto"] | int = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"


class Params(Section):
    """The whole of params.yaml."""

    corpus: CorpusConfig
    clips: ClipsConfig = ClipsConfig()
    folds: FoldsConfig = FoldsConfig()
    backbones: dict[str, BackboneConfig]
    training: TrainingConfig = TrainingConfig()
    models: dict[str, ModelConfig]
    evaluate: EvaluateConfig = EvaluateConfig()
    report: ReportConfig = ReportConfig()
    compute: ComputeConfig = ComputeConfig()

    @model_validator(mode="after")
    def _check_streams(self) -> "Params":
        for name, model in self.models.items():
            for stream in model.streams:
                if stream not in self.backbones:
                    raise ValueError(
                        f"models.{name}.streams: {stream!r} is not in backbones{nearest(stream, self.backbones)}"
                    )
        return self

    def training_of(self, model: str) -> TrainingConfig:
        """Return the training section with the model's own overrides (`models.<model>.training`)."""
        merged = {**self.training.model_dump(), **self.models[model].training}
        return validate(TrainingConfig, merged, at=f"models.{model}.training")


def load(path: str | Path = "params.yaml") -> Params:
    """Read and check a whole params.yaml.

    Raises
    ------
    ConfigError
        Names every unknown or ill-typed key by its path, with the nearest known key.
    """
    try:
        data = YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    params = validate(Params, data, at=str(path))
    for model in params.models:
        params.training_of(model)
    return params


def validate(section: type[S], data: object, *, at: str) -> S:
    """Check `data` against `section`; `at` says where it stands, for the message."""
    try:
        # The JSON mode is strict about types yet takes a YAML list for a tuple.
        return section.model_validate_json(json.dumps(data))
    except ValidationError as error:
        lines = [f"  {_explain(section, problem)}" for problem in error.errors()]
        raise ConfigError("\n".join([f"{at}: {len(lines)} invalid", *lines])) from error


def _explain(section: type[Section], problem: Mapping[str, Any]) -> str:
    location = tuple(part for part in problem["loc"] if part != "[key]")
    path = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        known = _fields(section, location[:-1])
        return f"{path}: unknown key{nearest(str(location[-1]), known)}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return (
        f"{path}: {message}, got {problem['input']!r}"
        if path and not isinstance(problem["input"], dict)
        else (f"{path}: {message}" if path else message)
    )


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Say which of the `known` names is nearest to `name`, or list them, as the tail of a message."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known))}"


def _fields(section: type[Section], location: tuple[int | str, ...]) -> Mapping[str, object]:
    """Return the known keys of the (nested) section at `location`."""
    current: Any = section
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = current.model_fields[str(part)].annotation
            sections = [arm for arm in get_args(current) if isinstance(arm, type) and issubclass(arm, BaseModel)]
            if get_origin(current) is not dict and sections:
                current = sections[0]
        elif get_origin(current) is dict:
            current = get_args(current)[1]
    return current.model_fields if isinstance(current, type) and issubclass(current, BaseModel) else {}
