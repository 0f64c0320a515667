"""VGGish's network on patches of 107 rows, which four pools take to 6 x 4 as they take VGGish's own 96."""

from typing import ClassVar

from pipeline.backbones.common.spectrogram import PATCH
from pipeline.backbones.common.vgg import LogMelNetwork


class LogMelVGG(LogMelNetwork):
    """Spectrograms, (n, 107, 64) normalised decibels, to 128 numbers before the last activation."""

    TITLE: ClassVar = "the VGG for 64 x 107 spectrograms"

    def __init__(self) -> None:
        super().__init__(patch=PATCH)
