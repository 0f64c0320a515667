"""A corpus small enough for a test, with everything that the large one has."""

from typing import Any

from pipeline.demo.config import DemoConfig
from pipeline.runtime.section import validate

SMALL: dict[str, Any] = {
    "seed": 2,
    "trials": {"train": 3, "validation": 2, "test": 1},
    "seconds": 3.0,
    "picture": {"width": 160, "height": 120},
    "crop_size": 48,
    "sample_rate": 16000,
    "latent_period": 2.0,
    "noise": {"visual": {"valence": 0.6, "arousal": 1.0}, "audio": {"valence": 1.0, "arousal": 0.6}},
    "useless_share": 0.5,
}


def small(**changes: Any) -> DemoConfig:
    return validate(DemoConfig, {**SMALL, **changes}, at="demo")
