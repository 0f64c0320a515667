"""The poster's 2-D CNN for pictures in colour: torchvision's ``vgg11_bn`` up to its fourth block."""

from typing import ClassVar

from pipeline.backbones.common.vgg import CNN2D


class PictureCNN(CNN2D):
    """Faces, (n, 3, h, w), to the 512 means of the last maps."""

    TITLE: ClassVar = "the 2-D CNN for pictures"

    def __init__(self) -> None:
        super().__init__(channels=3)
