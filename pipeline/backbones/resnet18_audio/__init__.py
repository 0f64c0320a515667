"""ResNet-18 on the 44.1 kHz spectrogram as a picture of one channel: the audio backbone of Kuhnke et al."""

from pipeline.backbones.resnet18_audio.network import (
    DIMENSION,
    FRONT_END,
    MODALITY,
    NEEDS,
    ResNet18Audio,
    build,
    embed,
    valid,
)

__all__ = ["DIMENSION", "FRONT_END", "MODALITY", "NEEDS", "ResNet18Audio", "build", "embed", "valid"]
