"""What is annotated."""

from collections.abc import Mapping
from dataclasses import dataclass


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
