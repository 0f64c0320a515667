"""How faces are found: `corpus.faces`."""

from typing import Literal

from pydantic import Field

from pipeline.runtime.section import Section


class FacesConfig(Section):
    """How faces are found in videos that come without crops."""

    cascade: Literal["frontalface_default", "frontalface_alt", "frontalface_alt2"] = "frontalface_alt2"
    every: float = Field(default=0.2, gt=0, le=1)
    smallest: float = Field(default=0.1, gt=0, lt=1)
    neighbours: int = Field(default=4, ge=0)
    bridge: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    smooth: float = Field(default=0.3, ge=0, allow_inf_nan=False)
    margin: float = Field(default=0.15, ge=0, allow_inf_nan=False)
    follow: Literal["similar", "one"] = "similar"
