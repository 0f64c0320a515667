"""The sections of models: how one is built, trained, tuned, and what it is compared with."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.config.section import Section


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
