"""VGGish: Hershey et al., "CNN Architectures for Large-Scale Audio Classification", 2017."""

from typing import ClassVar

from pipeline.backbones.common.vgg import LogMelNetwork
from pipeline.backbones.vggish.front_end import PATCH


class VGGish(LogMelNetwork):
    """Log-mel patches, (n, 96, 64), to 128 numbers before the last activation."""

    TITLE: ClassVar = "VGGish"

    def __init__(self) -> None:
        super().__init__(patch=PATCH)
