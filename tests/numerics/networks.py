"""Every backbone's layers on the smallest input that reaches them all, and both kinds of front end."""

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.backbones.cnn2d_audio import SpectrogramCNN
from pipeline.backbones.cnn2d_visual import PictureCNN
from pipeline.backbones.common import imagenet
from pipeline.backbones.common.spectrogram import decibel_rows
from pipeline.backbones.i3d import I3D
from pipeline.backbones.ir50 import IR50, normalise
from pipeline.backbones.logmel_vgg import LogMelVGG
from pipeline.backbones.r2plus1d import R2Plus1D
from pipeline.backbones.resnet18_audio.network import ResNet18Audio
from pipeline.backbones.resnet50.network import ResNet50
from pipeline.backbones.vggish import VGGish
from pipeline.backbones.vggish.front_end import log_mel_rows
from tests.backbones.networks import channels_last
from tests.numerics.operations import Values, Whole


def _whole(network: nn.Module, x: Tensor) -> Tensor:
    return cast(Tensor, network(x))


def _ir50(network: nn.Module, x: Tensor) -> Tensor:
    """All units, and the layers at the end on a map of the width that they take."""
    maps = network.get_submodule("body")(network.get_submodule("input_layer")(x))
    wide = maps.mean((2, 3), keepdim=True).repeat(1, 1, 5, 5).contiguous(memory_format=torch.channels_last)
    return cast(Tensor, network.get_submodule("output_layer")(wide))


def _vgg(network: nn.Module, x: Tensor) -> Tensor:
    """All convolutions, and the layers at the end on a map of the width that they take."""
    maps = network.get_submodule("features")(x)
    return cast(Tensor, network.get_submodule("embeddings")(maps.mean((2, 3)).repeat(1, 24)))


BACKBONES: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module, Tensor], Tensor], tuple[int, ...]]] = {
    "ir50": (IR50, _ir50, (1, 3, 8, 8)),
    "resnet50": (ResNet50, _whole, (1, 3, 32, 32)),
    "cnn2d_visual": (PictureCNN, _whole, (1, 3, 16, 16)),
    "i3d": (I3D, _whole, (1, 3, 8, 32, 32)),
    "r2plus1d": (R2Plus1D, _whole, (1, 3, 8, 16, 16)),
    "vggish": (VGGish, _vgg, (1, 1, 16, 16)),
    "logmel_vgg": (LogMelVGG, _vgg, (1, 1, 32, 16)),
    "cnn2d_audio": (SpectrogramCNN, _whole, (1, 1, 16, 16)),
    "resnet18_audio": (ResNet18Audio, _whole, (1, 1, 32, 32)),
}
"""For each backbone its network, how to run it, and the shape of the input."""


def backbones() -> Iterator[tuple[str, Values]]:
    """Yield each backbone's output."""
    for number, (name, (make, run, shape)) in enumerate(BACKBONES.items()):
        whole = Whole(number)
        network = make().eval()
        whole.fill(network)
        x = whole(*shape)
        if x.ndim == 4:
            network, x = channels_last(network), x.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            yield name, (run(network, x),)


def front_ends() -> Iterator[tuple[str, Values]]:
    """Yield what the networks are given of sound and of faces."""
    random = np.random.RandomState(0)
    sound = random.randint(-20000, 20001, 16000).astype(np.int16)
    yield "log-mel", (log_mel_rows(sound),)
    yield "decibels", (decibel_rows(sound, last=30),)
    faces = torch.from_numpy(random.randint(0, 256, (2, 40, 40, 3)).astype(np.uint8))
    yield "ir50's scaling", (normalise(faces),)
    yield "ImageNet's scaling", (imagenet.normalise(faces),)
