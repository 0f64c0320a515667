"""Inception I3D: the Inception-v1 network inflated into time, with the state-dict names of the public PyTorch port."""

from pipeline.backbones.i3d.network import (
    DEVIATION,
    DIMENSION,
    FRONT_END,
    I3D,
    MEAN,
    MODALITY,
    NEEDS,
    RANDOM_CLIPS,
    build,
    embed,
    valid,
)

__all__ = [
    "DEVIATION",
    "DIMENSION",
    "FRONT_END",
    "I3D",
    "MEAN",
    "MODALITY",
    "NEEDS",
    "RANDOM_CLIPS",
    "build",
    "embed",
    "valid",
]
