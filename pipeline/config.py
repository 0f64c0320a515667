"""The sections of params.yaml as frozen, typed objects; an unknown key names itself and its nearest neighbour."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import ConfigError

S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """Base of all sections: frozen, strict about types, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CorpusConfig(Section):
    """Where the corpus lies and what is annotated; read by `affectflow index` and the clips stage."""

    kind: str
    root: str
    index: str
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


class AffWild2Config(CorpusConfig):
    """Aff-Wild2: crops and one label per frame."""

    kind: Literal["affwild2"]
    image_size: int = Field(default=112, gt=0)


class FacesConfig(Section):
    """How faces are found in videos that come without crops."""

    cascade: Literal["frontalface_default", "frontalface_alt", "frontalface_alt2"] = "frontalface_alt2"
    every: int = Field(default=5, gt=0)
    smallest: float = Field(default=0.1, gt=0, lt=1)
    neighbours: int = Field(default=4, ge=0)
    bridge: float = Field(default=1.0, ge=0)
    smooth: float = Field(default=0.3, ge=0)
    margin: float = Field(default=0.15, ge=0)


class RatedConfig(CorpusConfig):
    """A corpus of videos without crops, with ratings that come late."""

    label_delay: dict[str, Annotated[float, Field(ge=0)]] = {}
    faces: FacesConfig = FacesConfig()

    @model_validator(mode="after")
    def _check_delays(self) -> "RatedConfig":
        for name in self.label_delay:
            if name not in self.targets:
                raise ValueError(f"label_delay: {name!r} is no target{nearest(name, self.targets)}")
        return self


class RecolaConfig(RatedConfig):
    """RECOLA in the layout of the AVEC challenges."""

    kind: Literal["recola"]


class TableConfig(RatedConfig):
    """A corpus described by a table of one's own."""

    kind: Literal["table"]
    manifest: str


class ClipsConfig(Section):
    """One HDF5 clip per trial."""

    face_size: int = Field(default=48, ge=40)
    sample_rate: int = Field(default=16000, gt=0)
    other_face_sizes: tuple[Annotated[int, Field(ge=40)], ...] = ()
    other_sample_rates: tuple[Annotated[int, Field(gt=0)], ...] = ()
    on_error: Literal["fail", "skip"] = "fail"

    @model_validator(mode="after")
    def _check_others(self) -> "ClipsConfig":
        for name, numbers in (
            ("other_face_sizes", (self.face_size, *self.other_face_sizes)),
            ("other_sample_rates", (self.sample_rate, *self.other_sample_rates)),
        ):
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"{name}: each size or rate is stored once, got {list(numbers)} in all")
        return self


class FoldsConfig(Section):
    """How trials are split for cross-validation."""

    scheme: Literal["abaw", "subject"] = "subject"
    count: int = Field(default=6, ge=2)


View = Literal[
    "centre",
    "centre_flipped",
    "top_left",
    "top_left_flipped",
    "top_right",
    "top_right_flipped",
    "bottom_left",
    "bottom_left_flipped",
    "bottom_right",
    "bottom_right_flipped",
]
"""How a face can be looked at: where the backbone's crop is taken, and whether left and right are exchanged."""


class BackboneConfig(Section):
    """One backbone: its weights, the precision of computation and storage, and the views of a face it embeds."""

    weights: str
    sha256: str | None = None
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    batch: int = Field(default=32, gt=0)
    store: Literal["float16", "float32"] = "float16"
    views: tuple[View, ...] = ("centre",)

    @field_validator("views")
    @classmethod
    def _order_views(cls, views: tuple[View, ...]) -> tuple[View, ...]:
        twice = sorted({view for view in views if views.count(view) > 1})
        if twice:
            raise ValueError(f"each view is named once, but {', '.join(twice)} is there again")
        if "centre" not in views:
            raise ValueError("centre must be among the views: it is the one that evaluation looks at")
        # One order, whatever the user's: a store's view 0 is the centre.
        return tuple(view for view in get_args(View) if view in views)


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
    evaluation_views: Literal["centre", "mean"] = "centre"

    @model_serializer(mode="wrap")
    def _leave_out_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the choice of views where it is the usual one: folds trained before there were views stay equal."""
        values: dict[str, Any] = handler(self)
        if self.evaluation_views == "centre":
            values.pop("evaluation_views", None)
        return values

    @model_validator(mode="after")
    def _check_hop(self) -> "TrainingConfig":
        if self.hop > self.window:
            raise ValueError(f"hop {self.hop} exceeds window {self.window}: frames between windows would never be seen")
        return self


class FinetuneConfig(Section):
    """How a trained model is tuned with its backbones; windows, gaps, loss and seed are those of its training.

    Attributes
    ----------
    batch, accumulate : windows at a time, and how often before the weights move: their product is the batch that counts
    windows : at most so many windows in an epoch, drawn anew; all unless given
    release_groups : how many groups of a backbone's modules are released, one after the other
    frozen : backbones that are run but never released
    dropout : before the linear layers of the regression head; None leaves it as it was in training
    crop, flip : how a window's faces are seen, the same for all its frames
    chunk : frames at a time in the released part of a backbone
    """

    batch: int = Field(default=2, gt=0)
    accumulate: int = Field(default=6, gt=0)
    windows: int | None = Field(default=None, gt=0)
    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=5e-4, ge=0)
    warm_up: Literal["sawtooth", "linear"] = "sawtooth"
    warm_up_epochs: int = Field(default=5, ge=0)
    plateau_factor: float = Field(default=0.1, gt=0, lt=1)
    plateau_patience: int = Field(default=5, ge=0)
    min_learning_rate: float = Field(default=1e-8, ge=0)
    epochs: int = Field(default=100, gt=0)
    early_stopping: int = Field(default=50, gt=0)
    release_groups: int = Field(default=3, gt=0)
    frozen: tuple[str, ...] = ()
    dropout: float | None = Field(default=0.8, ge=0, lt=1)
    crop: Literal["random", "centre"] = "random"
    flip: float = Field(default=0.5, ge=0, le=1)
    chunk: int = Field(default=32, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"


class PublishedKey(Section):
    """The row of the published tables that a model is compared with."""

    source: str
    method: str
    modality: Literal["audio", "visual", "fusion"]


class ModelConfig(Section):
    """One model: any fusion system over any backbones' streams and temporal encoders.

    A stream that is named twice counts once: dvc.yaml can only name the first, second and last entry of a list, so a
    model of one stream writes it twice in params.yaml.
    """

    fusion: str
    streams: tuple[str, ...] = Field(min_length=1, max_length=3)
    temporal: str = "tcn"
    encoders: dict[str, dict[str, Any]] = {}
    options: dict[str, Any] = {}
    training: dict[str, Any] = {}
    published: PublishedKey | None = None

    @field_validator("streams")
    @classmethod
    def _once(cls, streams: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(streams))

    def architecture(self) -> dict[str, Any]:
        """Return what decides the network, without how it is trained or what it is compared with."""
        return self.model_dump(mode="json", exclude={"training", "published"})


class FinetuneSection(FinetuneConfig):
    """The defaults of all tuned models, and which models are tuned: each with its overrides, and `published`."""

    models: dict[str, dict[str, Any]] = {}


FINETUNED = "-finetuned"
"""What the name of a tuned model ends with."""


class EvaluateConfig(Section):
    """How folds are combined into test predictions."""

    top_folds: int = Field(default=3, gt=0)
    combine: Literal["mean", "ccc_centred"] = "mean"


class EnsembleConfig(Section):
    """Several models as one more row: their predictions combined, trial by trial.

    Attributes
    ----------
    models : two to four of the models, tuned ones included; dvc.yaml names them from both ends of the list
    combine : how the members' predictions become one
    top_folds : how many of each member's best folds predict the test trials; as many as `evaluate` says unless given
    """

    models: tuple[str, ...] = Field(min_length=2, max_length=4)
    combine: Literal["mean", "ccc_centred"] = "mean"
    top_folds: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _check_members(self) -> "EnsembleConfig":
        if len(set(self.models)) < len(self.models):
            raise ValueError(f"models: each member counts once, got {', '.join(self.models)}")
        return self


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

    corpus: Annotated[AffWild2Config | RecolaConfig | TableConfig, Field(discriminator="kind")]
    clips: ClipsConfig = ClipsConfig()
    folds: FoldsConfig = FoldsConfig()
    backbones: dict[str, BackboneConfig]
    training: TrainingConfig = TrainingConfig()
    models: dict[str, ModelConfig]
    finetune: FinetuneSection = FinetuneSection()
    evaluate: EvaluateConfig = EvaluateConfig()
    ensembles: dict[str, EnsembleConfig] = {}
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

    @model_validator(mode="after")
    def _check_finetuned(self) -> "Params":
        for name in self.finetune.models:
            if name not in self.models:
                raise ValueError(f"finetune.models: {name!r} is not in models{nearest(name, self.models)}")
            if name + FINETUNED in self.models:
                raise ValueError(f"models.{name + FINETUNED}: fine-tuning {name!r} takes this name")
        return self

    @model_validator(mode="after")
    def _check_ensembles(self) -> "Params":
        known = dict.fromkeys(self.model_names())
        for name, ensemble in self.ensembles.items():
            if name in known:
                raise ValueError(f"ensembles.{name}: a model has this name already")
            for member in ensemble.models:
                if member not in known:
                    raise ValueError(f"ensembles.{name}.models: {member!r} is no model{nearest(member, known)}")
            if ensemble.top_folds is not None and ensemble.top_folds > self.evaluate.top_folds:
                raise ValueError(
                    f"ensembles.{name}.top_folds is {ensemble.top_folds}, but only the best {self.evaluate.top_folds} "
                    "folds of a model predict the test trials (evaluate.top_folds)"
                )
        return self

    def model_names(self) -> tuple[str, ...]:
        """Return the name of every model that has results: each of `models`, followed by its tuned version."""
        tuned = self.finetune.models
        return tuple(one for name in self.models for one in ((name, name + FINETUNED) if name in tuned else (name,)))

    def result_names(self) -> tuple[str, ...]:
        """Return the name of everything that has predictions and scores: all models, then the ensembles."""
        return (*self.model_names(), *self.ensembles)

    def training_of(self, model: str) -> TrainingConfig:
        """Return the training section with the model's own overrides (`models.<model>.training`)."""
        merged = {**self.training.model_dump(), **self.models[model].training}
        return validate(TrainingConfig, merged, at=f"models.{model}.training")

    def finetune_of(self, model: str) -> FinetuneConfig:
        """Return the finetune section with the model's own overrides (`finetune.models.<model>`)."""
        own = {key: value for key, value in self.finetune.models[model].items() if key != "published"}
        merged = {**self.finetune.model_dump(exclude={"models"}), **own}
        return validate(FinetuneConfig, merged, at=f"finetune.models.{model}")

    def evaluated(self) -> dict[str, ModelConfig]:
        """Return every model that has results, by name: each of `models`, followed by its tuned version."""
        every = {}
        for name, model in self.models.items():
            every[name] = model
            if name in self.finetune.models:
                key = self.finetune.models[name].get("published")
                row = validate(PublishedKey, key, at=f"finetune.models.{name}.published") if key else None
                every[name + FINETUNED] = model.model_copy(update={"published": row})
        return every


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
    for model in params.finetune.models:
        params.finetune_of(model)
    params.evaluated()
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
    if problem["type"] == "extra_forbidden":
        above, known = _trace(section, location[:-1])
        return f"{'.'.join([*above, str(location[-1])])}: unknown key{nearest(str(location[-1]), known)}"
    path = ".".join(_trace(section, location)[0])
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


def _trace(section: type[Section], location: tuple[int | str, ...]) -> tuple[list[str], Mapping[str, object]]:
    """Return the path of `location` as the user wrote it, and the known keys of the (nested) section there."""
    current: Any = section
    path: list[str] = []
    for part in location:
        arms = _sections(current)
        if len(arms) > 1:
            # Where a section comes in several kinds, a problem's location names the kind, which stands in no path.
            current = next(arm for arm in arms if part in get_args(arm.model_fields["kind"].annotation))
            continue
        path.append(str(part))
        if arms:
            field = arms[0].model_fields.get(str(part))
            current = field.annotation if field else None
        else:
            current = get_args(current)[1] if get_origin(current) is dict else None
    arms = _sections(current)
    return path, arms[0].model_fields if len(arms) == 1 else {}


def _sections(kind: Any) -> list[type[BaseModel]]:
    """Return the section that a key holds, or those that it may hold."""
    arms = (kind,) if get_origin(kind) is None else get_args(kind) if get_origin(kind) is not dict else ()
    return [arm for arm in arms if isinstance(arm, type) and issubclass(arm, BaseModel)]
