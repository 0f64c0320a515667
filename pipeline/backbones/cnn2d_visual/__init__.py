"""The poster's 2-D CNN on single faces: the whole crop that the clip stores, scaled as for ImageNet. See `cnn2d`."""

from pipeline.backbones.cnn2d_visual.network import DIMENSION, FACES, FRONT_END, MODALITY, NEEDS, build, embed, valid

__all__ = ["DIMENSION", "FACES", "FRONT_END", "MODALITY", "NEEDS", "build", "embed", "valid"]
