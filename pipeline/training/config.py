"""The section `training`."""

from typing import Literal

from pydantic import Field, model_validator

from pipeline.models.config import ModelConfig
from pipeline.runtime.section import Section, validate


class OptimiserConfig(Section):
    """Learning rate, its schedule, and when to stop; shared by `training` and `finetune`.

    `precision` is that of products and convolutions; weights, loss and optimiser are float32. ``"auto"`` is bfloat16
    where it is native and `compute.numerics` is ``"native"``, float32 elsewhere; a run has the one it came to.

    Attributes
    ----------
    learning_rate, weight_decay : of Adam
    warm_up : within the first epochs the rate rises from zero to `learning_rate`, in each epoch or over all of them
    warm_up_epochs : how many these are
    plateau_factor, plateau_patience : by what the rate is multiplied after more than so many epochs without a better P
    min_learning_rate : below it the training ends
    epochs : the most there are
    early_stopping : epochs without a better validation P before the training ends
    precision : of products and convolutions
    """

    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=5e-4, ge=0)
    warm_up: Literal["sawtooth", "linear"] = "sawtooth"
    warm_up_epochs: int = Field(default=5, ge=0)
    plateau_factor: float = Field(default=0.1, gt=0, lt=1)
    plateau_patience: int = Field(default=5, ge=0)
    min_learning_rate: float = Field(default=1e-8, ge=0)
    epochs: int = Field(default=100, gt=0)
    early_stopping: int = Field(default=50, gt=0)
    precision: Literal["auto", "float32", "bfloat16"] = "float32"


REPEAT_SEEDS = 1000
"""How far the seeds of a fold's repeats lie apart; fold k adds k, so no two trainings of a model share a seed."""


class TrainingConfig(OptimiserConfig):
    """How a fold is trained, and with how many seeds; the defaults are the published values (GRJCA paper 2.2).

    Attributes
    ----------
    window, hop : frames of a window, and from the beginning of one to that of the next
    gaps : frames that nobody annotated are masked in the loss, or left out before windows are cut
    standardise : features by one mean and deviation of each dimension, or of the stream
    batch : windows in a step
    scope : whether the loss is the mean of each window's, or that of all frames of a batch
    targets : one network for all targets, or one each
    warm_start : whether encoders begin as those of unimodal models, trained first
    modality_dropout : probability that a window has a stretch of one stream replaced by another trial's
    seed : of weights, order and dropout; fold k adds k
    repeats : how often each fold is trained, with a seed each
    """

    window: int = Field(default=300, gt=1)
    hop: int = Field(default=200, gt=0)
    gaps: Literal["mask", "compact"] = "mask"
    standardise: Literal["per_dimension", "scalar"] = "per_dimension"
    batch: int = Field(default=12, gt=0)
    scope: Literal["window", "batch"] = "window"
    targets: Literal["joint", "separate"] = "joint"
    warm_start: Literal["none", "unimodal"] = "none"
    modality_dropout: float = Field(default=0.0, ge=0, le=1)
    seed: int = Field(default=3407, ge=0)
    repeats: int = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _check_hop(self) -> "TrainingConfig":
        if self.hop > self.window:
            raise ValueError(f"hop {self.hop} exceeds window {self.window}: frames between windows would be left out")
        return self

    def of_repeat(self, repeat: int) -> "TrainingConfig":
        """Return the section of one repeat: that of a single training with a seed of its own."""
        return self.model_copy(update={"seed": self.seed + REPEAT_SEEDS * repeat, "repeats": 1})


def training_of(training: TrainingConfig, model: ModelConfig, *, name: str) -> TrainingConfig:
    """Return the section with the overrides of one model (`models.<name>.training`)."""
    return validate(TrainingConfig, {**training.model_dump(), **model.training}, at=f"models.{name}.training")
