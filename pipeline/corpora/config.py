"""The section `corpus`, one class per kind."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from pipeline.clips.target import TargetsConfig
from pipeline.media.config import FacesConfig
from pipeline.runtime.section import nearest


class CorpusConfig(TargetsConfig):
    """Where the corpus lies and what is annotated; read by `affectflow index` and the clips stage."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    root: str
    index: str


class AffWild2Config(CorpusConfig):
    """Aff-Wild2: crops and one label per frame.

    Attributes
    ----------
    image_size : width and height that every crop must have, pixels
    """

    kind: Literal["affwild2"]
    image_size: int = Field(default=112, gt=0)


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
    """A corpus described by a table of one's own.

    Attributes
    ----------
    manifest : the table: a CSV file with a row per trial
    """

    kind: Literal["table"]
    manifest: str


KINDS: dict[str, type[AffWild2Config | RecolaConfig | TableConfig]] = {
    "affwild2": AffWild2Config,
    "recola": RecolaConfig,
    "table": TableConfig,
}
"""The class of the section, by `corpus.kind`."""
