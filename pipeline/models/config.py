"""An entry of the section `models`."""

from typing import Any, Literal

from pydantic import Field, field_validator

from pipeline.runtime.section import Section


class PublishedKey(Section):
    """The row of the published tables that a model is compared with."""

    source: str
    method: str
    modality: Literal["audio", "visual", "fusion"]


class ModelConfig(Section):
    """One model: any fusion system over any backbones' streams and temporal encoders.

    A stream that is named twice counts once: dvc.yaml can only name the first, second and last entry of a list, so a
    model of one stream writes it twice in params.yaml.

    Attributes
    ----------
    fusion : a file of pipeline/fusion
    streams : the backbones whose features it reads
    temporal : a file of pipeline/temporal
    encoders : options of the temporal encoder, by role: visual, audio, audio_2
    options : of the fusion system and of its head
    training : what differs from the section `training`
    published : the row of the published tables to compare with: source, method, modality
    """

    fusion: str
    streams: tuple[str, ...] = Field(min_length=1, max_length=3)
    temporal: str
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
