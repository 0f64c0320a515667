"""How faces are found: `corpus.faces`."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipeline.runtime.section import Section, nearest

BLAZEFACE = "blazeface"
CASCADES = ("frontalface_default", "frontalface_alt", "frontalface_alt2")
AUTO = "auto"
NETWORKS = (".tflite", ".onnx")
"""Suffixes of detectors that are named by path."""


class FacesConfig(Section):
    """How faces are found in videos that come without crops."""

    detector: str = AUTO
    sha256: str | None = None
    every: float | None = Field(default=None, ge=0, le=1)
    score: float = Field(default=0.75, gt=0, lt=1)
    smallest: float = Field(default=0.1, gt=0, lt=1)
    neighbours: int = Field(default=4, ge=0)
    bridge: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    smooth: float = Field(default=0.3, ge=0, allow_inf_nan=False)
    margin: float = Field(default=0.15, ge=0, allow_inf_nan=False)
    follow: Literal["similar", "one"] = "similar"

    @field_validator("detector")
    @classmethod
    def _check_detector(cls, detector: str) -> str:
        names = (AUTO, BLAZEFACE, *CASCADES)
        if detector not in names and not detector.endswith(NETWORKS):
            known = f"one of {', '.join(names)}, or the path of a file {' or '.join(NETWORKS)}"
            raise ValueError(f"{detector!r} is not {known}{nearest(detector, dict.fromkeys(names))}")
        return detector

    @model_validator(mode="after")
    def _check_sha256(self) -> "FacesConfig":
        if self.sha256 is not None and self.detector in (AUTO, *CASCADES):
            raise ValueError(f"sha256 belongs to a detector's file, and {self.detector!r} names none")
        return self
