"""R(2+1)D-18: residual blocks of 3-D convolutions split into space and time, with torchvision's state-dict names."""

from pipeline.backbones.r2plus1d.network import (
    BLOCKS,
    DEPTHS,
    DEVIATION,
    DIMENSION,
    FRONT_END,
    MEAN,
    MODALITY,
    NEEDS,
    RANDOM_CLIPS,
    Block,
    R2Plus1D,
    SplitConvolution,
    build,
    embed,
    valid,
)

__all__ = [
    "BLOCKS",
    "DEPTHS",
    "DEVIATION",
    "DIMENSION",
    "FRONT_END",
    "MEAN",
    "MODALITY",
    "NEEDS",
    "RANDOM_CLIPS",
    "Block",
    "R2Plus1D",
    "SplitConvolution",
    "build",
    "embed",
    "valid",
]
