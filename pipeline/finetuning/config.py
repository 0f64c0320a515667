"""The section `finetune`."""

from typing import Any, Literal

from pydantic import Field

from pipeline.runtime.section import validate
from pipeline.training.config import OptimiserConfig


class FinetuneConfig(OptimiserConfig):
    """How a trained model is fine-tuned with its backbones; windows, gaps, loss and seed are those of its training.

    Attributes
    ----------
    batch, accumulate : windows at a time, and how many such batches before a step of the optimiser
    windows : the most windows in an epoch, drawn again for each; all unless given
    release_groups : how many groups of a backbone's modules are released, one after the other
    frozen : backbones that are run but never released
    dropout : before the linear layers of the regression head; None leaves it as it was in training
    crop, flip : where a window's faces are cropped, and with which probability mirrored; the same for all its frames
    chunk : frames at a time in the released part of a backbone
    """

    batch: int = Field(default=2, gt=0)
    accumulate: int = Field(default=6, gt=0)
    windows: int | None = Field(default=None, gt=0)
    release_groups: int = Field(default=3, gt=0)
    frozen: tuple[str, ...] = ()
    dropout: float | None = Field(default=0.8, ge=0, lt=1)
    crop: Literal["random", "centre"] = "random"
    flip: float = Field(default=0.5, ge=0, le=1)
    chunk: int = Field(default=32, gt=0)


class FinetuneSection(FinetuneConfig):
    """The defaults of all fine-tuned models, and `models`: those to fine-tune, with their overrides and `published`."""

    models: dict[str, dict[str, Any]] = {}


def finetune_of(section: FinetuneSection, *, name: str) -> FinetuneConfig:
    """Return the section with the overrides of one model (`finetune.models.<name>`)."""
    own = {key: value for key, value in section.models[name].items() if key != "published"}
    merged = {**section.model_dump(exclude={"models"}), **own}
    return validate(FinetuneConfig, merged, at=f"finetune.models.{name}")
