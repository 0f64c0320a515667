"""IR-50: the improved residual network of ArcFace (mode ``ir``), with an output layer for 40 x 40 face crops."""

from pipeline.backbones.ir50.network import (
    CROP,
    DIMENSION,
    FRONT_END,
    IR50,
    MODALITY,
    NEEDS,
    STAGES,
    Unit,
    build,
    centre_crop,
    embed,
    normalise,
    valid,
)

__all__ = [
    "CROP",
    "DIMENSION",
    "FRONT_END",
    "IR50",
    "MODALITY",
    "NEEDS",
    "STAGES",
    "Unit",
    "build",
    "centre_crop",
    "embed",
    "normalise",
    "valid",
]
