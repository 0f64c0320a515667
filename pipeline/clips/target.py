"""What is annotated."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import PurePosixPath

from pydantic import ConfigDict, Field, field_validator, model_validator

from pipeline.runtime.layout import SAMPLES
from pipeline.runtime.names import Name
from pipeline.runtime.section import Section


class TargetsConfig(Section):
    """The part of the section `corpus` that every later stage reads; each kind of corpus adds its own.

    Attributes
    ----------
    kind : the corpus' layout
    targets : (low, high) of each annotated target, in order
    sample : data/sample/<file>, the challenge's sample submission, if there is one
    """

    model_config = ConfigDict(extra="ignore")

    kind: str = "affwild2"
    targets: dict[Name, tuple[float, float]] = Field(default={"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)})
    # In `SAMPLES`, on which the stages that read it depend as a folder: DVC's templates cannot leave out a dependency.
    sample: str | None = None

    @property
    def timed(self) -> bool:
        """Whether predictions are written with each frame's time: a challenge prescribes rows without it."""
        return self.kind == "table"

    @field_validator("sample")
    @classmethod
    def _check_sample(cls, sample: str | None) -> str | None:
        path = PurePosixPath(sample or SAMPLES)
        if not path.is_relative_to(SAMPLES) or ".." in path.parts:
            raise ValueError(f"put the file, or a link to it, into {SAMPLES}: changes are noticed there alone")
        return sample

    @model_validator(mode="after")
    def _check_ranges(self) -> "TargetsConfig":
        if not self.targets:
            raise ValueError("targets: at least one is needed")
        for name, (low, high) in self.targets.items():
            if not low < high or not isfinite(high - low):
                raise ValueError(f"targets.{name}: the range [{low}, {high}] is empty or endless")
        if len({name.lower() for name in self.targets}) < len(self.targets):
            raise ValueError(f"targets: {', '.join(self.targets)} must differ in more than case")
        return self


@dataclass(frozen=True)
class Target:
    """One annotated quantity and the range of its values, such as valence from -1 to 1."""

    name: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"target {self.name}: the range [{self.low}, {self.high}] is empty")


def targets_of(ranges: Mapping[str, tuple[float, float]]) -> tuple[Target, ...]:
    """Return the targets of params.yaml's `corpus.targets`, in its order."""
    return tuple(Target(name, float(low), float(high)) for name, (low, high) in ranges.items())
