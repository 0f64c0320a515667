"""VGGish: 0.96 s of log-mel rows to 128 numbers, before the last activation and without PCA."""

from pipeline.backbones.vggish.network import DIMENSION, MODALITY, NEEDS, VGGish, build, embed, log_mel_patches, valid

__all__ = ["DIMENSION", "MODALITY", "NEEDS", "VGGish", "build", "embed", "log_mel_patches", "valid"]
