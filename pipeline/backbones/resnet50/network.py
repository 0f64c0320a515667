"""ResNet-50: He et al., "Deep Residual Learning for Image Recognition", 2016.

Not the ``ir50`` that the papers' checkpoint needs: that one is made of basic units, ends in a linear layer for 40 x 40
crops and has other names throughout.
"""

from typing import ClassVar

from pipeline.backbones.common.resnet import Bottleneck, ResidualTrunk


class ResNet50(ResidualTrunk):
    """Faces to the 2048 means before the classifier.

    A checkpoint with torchvision's names has 318 entries, or 320 with the classifier ``fc`` of any number of classes.
    """

    TITLE: ClassVar = "ResNet-50"

    def __init__(self) -> None:
        super().__init__(block=Bottleneck, counts=(3, 4, 6, 3), channels=3)
