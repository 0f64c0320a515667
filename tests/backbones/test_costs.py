"""The arithmetic per frame that the documentation states, counted from the layers' shapes."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.backbones.cnn2d_audio import SpectrogramCNN
from pipeline.backbones.cnn2d_visual import PictureCNN
from pipeline.backbones.i3d import I3D
from pipeline.backbones.logmel_vgg import LogMelVGG
from pipeline.backbones.r2plus1d import R2Plus1D
from pipeline.backbones.resnet18_audio import ResNet18Audio
from pipeline.backbones.resnet50 import ResNet50

COSTS = [
    (ResNet50, (3, 48, 48), 0.21),
    (PictureCNN, (3, 48, 48), 0.30),
    (SpectrogramCNN, (1, 64, 107), 0.87),
    (ResNet18Audio, (1, 64, 107), 0.25),
    (LogMelVGG, (107, 64), 0.93),
    (I3D, (3, 8, 112, 112), 3.49),
    (R2Plus1D, (3, 8, 112, 112), 20.26),
]


@pytest.mark.parametrize(("network", "shape", "billions"), COSTS)
def test_multiply_accumulates_per_frame(network: type[nn.Module], shape: tuple[int, ...], billions: float) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network()(torch.empty(1, *shape))
    counted = counter.get_total_flops() / 2e9
    assert counted == pytest.approx(billions, abs=0.006)
