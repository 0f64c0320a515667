"""The poster's 2-D CNN on spectrograms: 1.07 s at 44.1 kHz, as a picture of one channel. See `cnn2d`."""

from pipeline.backbones.cnn2d_audio.network import DIMENSION, FRONT_END, MODALITY, NEEDS, build, embed, valid

__all__ = ["DIMENSION", "FRONT_END", "MODALITY", "NEEDS", "build", "embed", "valid"]
