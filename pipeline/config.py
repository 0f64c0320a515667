"""The whole of params.yaml, and what its sections say of each other."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from pipeline.backbones.common.config import BackboneConfig
from pipeline.corpora.config import AffWild2Config, RecolaConfig, TableConfig
from pipeline.evaluation.config import EnsembleConfig, EvaluateConfig, FoldsConfig
from pipeline.finetuning.config import FinetuneConfig, FinetuneSection, finetune_of
from pipeline.ingest.config import ClipsConfig
from pipeline.models.config import ModelConfig, PublishedKey
from pipeline.report.config import ReportConfig
from pipeline.runtime.config import ComputeConfig
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.layout import FINETUNED
from pipeline.runtime.names import Name
from pipeline.runtime.section import Section, nearest, read_yaml, validate
from pipeline.training.config import TrainingConfig, training_of


class Params(Section):
    """The whole of params.yaml."""

    corpus: Annotated[AffWild2Config | RecolaConfig | TableConfig, Field(discriminator="kind")]
    clips: ClipsConfig = ClipsConfig()
    folds: FoldsConfig = FoldsConfig()
    backbones: dict[Name, BackboneConfig] = Field(min_length=1)
    training: TrainingConfig = TrainingConfig()
    models: dict[Name, ModelConfig] = Field(min_length=1)
    finetune: FinetuneSection = FinetuneSection()
    evaluate: EvaluateConfig = EvaluateConfig()
    ensembles: dict[Name, EnsembleConfig] = {}
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
    def _check_top_folds(self) -> "Params":
        if self.evaluate.top_folds > self.folds.count:
            raise ValueError(f"evaluate.top_folds is {self.evaluate.top_folds}, but folds.count is {self.folds.count}")
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
        return training_of(self.training, self.models[model], name=model)

    def repeats_of(self, model: str) -> int:
        """Return how often each fold of a model is trained; a tuned model has the repeats of its base."""
        return self.training_of(model if model in self.models else model.removesuffix(FINETUNED)).repeats

    def finetune_of(self, model: str) -> FinetuneConfig:
        """Return the finetune section with the model's own overrides (`finetune.models.<model>`)."""
        return finetune_of(self.finetune, name=model)

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
    params = validate(Params, read_yaml(path), at=str(path))
    for name in params.models:
        params.training_of(name)
    for name in params.finetune.models:
        params.finetune_of(name)
    params.evaluated()
    for name, ensemble in params.ensembles.items():
        repeats = {member: params.repeats_of(member) for member in ensemble.models}
        if len(set(repeats.values())) > 1:
            counts = ", ".join(f"{member} {count}" for member, count in repeats.items())
            message = f"ensembles.{name}: each repeat combines the same repeat of all members, which need equally many"
            raise ConfigError(f"{path}: {message} (training.repeats), got {counts}")
    return params
