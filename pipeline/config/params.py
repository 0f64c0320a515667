"""The whole of params.yaml, and what its sections say of each other."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.config.corpus import AffWild2Config, RecolaConfig, TableConfig
from pipeline.config.data import BackboneConfig, ClipsConfig, FoldsConfig
from pipeline.config.section import Section, nearest, validate
from pipeline.config.training import (
    FINETUNED,
    FinetuneConfig,
    FinetuneSection,
    ModelConfig,
    PublishedKey,
    TrainingConfig,
)
from pipeline.errors import ConfigError


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
