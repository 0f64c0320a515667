"""IR-50: the improved residual network of ArcFace (mode ``ir``), with an output layer for 40 x 40 face crops.

Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019; the published checkpoint
``res50_ir_0.887.pth`` was trained on MS-Celeb-1M and tuned on FER+. Not torchvision's ResNet-50: its units are basic
ones (two 3 x 3 convolutions) that begin with a batch norm, and nothing follows the sum.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.backbones.common.checkpoints import PublishedNetwork
from pipeline.backbones.ir50.front_end import CROP
from pipeline.backbones.ir50.inference import FoldedIR50

DIMENSION: Final = 512
STAGES: Final = ((64, 3, 1), (128, 4, 2), (256, 14, 2), (512, 3, 2))
"""(depth, units, stride of the first unit) of each stage; `body` numbers the units through."""


class Unit(nn.Module):
    """An improved residual unit: norm, convolution, PReLU, strided convolution, norm, plus the shortcut.

    Parameters
    ----------
    width : channels of the input
    depth : channels of the output
    stride : of the second convolution and of the shortcut
    """

    def __init__(self, *, width: int, depth: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.shortcut_layer: nn.Sequential | None = None
        if width != depth:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(width, depth, 1, stride, bias=False),
                nn.BatchNorm2d(depth),
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Conv2d(width, depth, 3, 1, 1, bias=False),
            nn.PReLU(depth),
            nn.Conv2d(depth, depth, 3, stride, 1, bias=False),
            nn.BatchNorm2d(depth),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to (n, depth, h / stride, w / stride)."""
        if self.shortcut_layer is not None:
            shortcut: Tensor = self.shortcut_layer(x)
        else:
            shortcut = x[..., :: self.stride, :: self.stride]
        residual: Tensor = self.res_layer(x)
        return residual + shortcut


class IR50(PublishedNetwork):
    """Faces to unit vectors; in evaluation mode until `train` is called.

    `output_layer` is registered before `body`, as in the published code: parameters come in the published order. A
    checkpoint has 349 entries, under bare names or under ``backbone.*``, or 351 with the expression classifier
    ``logits``, which is left out.
    """

    TITLE: ClassVar = "IR-50"
    LEFT_OUT: ClassVar = ("logits.",)

    def __init__(self) -> None:
        super().__init__()
        first = STAGES[0][0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, first, 3, 1, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.PReLU(first),
        )
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(DIMENSION),
            nn.Dropout(0.4),
            nn.Flatten(),
            nn.Linear(DIMENSION * 5 * 5, DIMENSION),
            nn.BatchNorm1d(DIMENSION),
        )
        units: list[Unit] = []
        width = first
        for depth, count, stride in STAGES:
            for index in range(count):
                units.append(Unit(width=width, depth=depth, stride=stride if index == 0 else 1))
                width = depth
        self.body = nn.Sequential(*units)
        self.eval()

    @classmethod
    def adapted(cls, state_dict: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Take the prefix off names like ``backbone.body.0``."""
        return {key.removeprefix("backbone."): value for key, value in state_dict.items()}

    def for_inference(self, device: torch.device, precision: torch.dtype) -> nn.Module:
        """Return the network itself for float32, its folded form for bfloat16."""
        if precision != torch.bfloat16:
            return super().for_inference(device, precision)
        with torch.no_grad():
            return FoldedIR50(self, device=device)

    def forward(self, x: Tensor) -> Tensor:
        """Embed faces.

        Parameters
        ----------
        x : (n, 3, 40, 40) RGB scaled to -1 .. 1

        Returns
        -------
        (n, 512) float32, of unit length
        """
        if x.ndim != 4 or x.shape[1:] != (3, CROP, CROP):
            raise ValueError(f"IR-50 takes faces of shape (n, 3, {CROP}, {CROP}), got {tuple(x.shape)}")
        x = self.input_layer(x)  # (n, 64, 40, 40)
        x = self.body(x)  # (n, 512, 5, 5)
        x = self.output_layer(x)  # (n, 512)
        return functional.normalize(x.float(), dim=1)
