"""ResNet-50, the plain bottleneck network with torchvision's state-dict names: public checkpoints load."""

from pipeline.backbones.resnet50.network import (
    DIMENSION,
    FACES,
    FRONT_END,
    MODALITY,
    NEEDS,
    ResNet50,
    build,
    embed,
    valid,
)

__all__ = ["DIMENSION", "FACES", "FRONT_END", "MODALITY", "NEEDS", "ResNet50", "build", "embed", "valid"]
