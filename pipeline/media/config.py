"""How faces are found: `corpus.faces`."""

from typing import Literal

from pydantic import Field

from pipeline.runtime.section import Section


class FacesConfig(Section):
    """How faces are found in videos that come without crops."""

    cascade: Literal["frontalface_default", "frontalface_alt", "frontalface_alt2"] = "frontalface_alt2"
    every: int = Field(default=5, gt=0)
    smallest: float = Field(default=0.1, gt=0, lt=1)
    neighbours: int = Field(default=4, ge=0)
    bridge: float = Field(default=1.0, ge=0)
    smooth: float = Field(default=0.3, ge=0)
    margin: float = Field(default=0.15, ge=0)
