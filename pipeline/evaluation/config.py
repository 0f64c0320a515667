"""The sections `folds`, `evaluate` and `ensembles`."""

from typing import Literal

from pydantic import Field, model_validator

from pipeline.runtime.section import Section


class FoldsConfig(Section):
    """How trials are split for cross-validation.

    Attributes
    ----------
    scheme : the published folds of Aff-Wild2, or no subject on both sides
    count : of folds
    """

    scheme: Literal["abaw", "subject"] = "subject"
    count: int = Field(default=6, ge=2)


class EvaluateConfig(Section):
    """How folds are combined into test predictions.

    Attributes
    ----------
    top_folds : how many folds predict the test trials, those of the highest validation P
    combine : their mean, or with each shifted to the mean of their means
    """

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
