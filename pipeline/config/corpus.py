"""The sections that describe a corpus, one per kind."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.section import Section, nearest


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
