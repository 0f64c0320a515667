"""VGGish's network on the GRJCA paper's own spectrogram: 1.07 s at 44.1 kHz to 128 numbers."""

from pipeline.backbones.logmel_vgg.network import (
    DIMENSION,
    FRONT_END,
    HIDDEN,
    MODALITY,
    NEEDS,
    LogMelVGG,
    build,
    embed,
    valid,
)

__all__ = ["DIMENSION", "FRONT_END", "HIDDEN", "MODALITY", "NEEDS", "LogMelVGG", "build", "embed", "valid"]
