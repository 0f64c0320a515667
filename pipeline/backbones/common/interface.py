"""What a backbone offers, and how one is found: the package `pipeline/backbones/<name>`, by its name alone.

There is no registry that imports them all: the code that a feature store depends on is then its own backbone's.
"""

from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch

import pipeline.backbones
from pipeline.backbones.common.checkpoints import PublishedNetwork
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip
from pipeline.runtime.errors import ConfigError


class Backbone(Protocol):
    """A package that turns a clip into one embedding per frame.

    Attributes
    ----------
    MODALITY : what it reads
    DIMENSION : d_m, numbers per frame
    FRONT_END : how its inputs are prepared, as a feature store records it
    DATASETS : names of the clip's datasets that it reads, such as ``faces``
    """

    @property
    def MODALITY(self) -> Literal["visual", "audio"]: ...  # noqa: D102
    @property
    def DIMENSION(self) -> int: ...  # noqa: D102
    @property
    def FRONT_END(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def DATASETS(self) -> frozenset[str]: ...  # noqa: D102

    def build(self, weights: Weights) -> PublishedNetwork:
        """Make the network, in evaluation mode on the CPU in float32."""

    def embed(self, network: Any, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
        """Embed every frame of a clip, (T, DIMENSION), with a network that is on `device`."""

    def valid(self, clip: Clip) -> npt.NDArray[np.bool_]:
        """Return for each frame whether the clip holds something to embed, (T,)."""


def load_backbone(name: str) -> Backbone:
    """Import a backbone by its name.

    Raises
    ------
    ConfigError
        There is no such backbone; the message lists those there are.
    """
    if name not in available_backbones():
        raise ConfigError(f"no backbone {name!r} in pipeline/backbones; there are: {', '.join(available_backbones())}")
    return cast(Backbone, import_module(f"{pipeline.backbones.__name__}.{name}"))


def is_framewise(backbone: Backbone) -> bool:
    """Say whether the embedding of a frame depends on that frame's face alone, so that a clip may be cut anywhere."""
    return backbone.MODALITY == "visual" and "clip" not in backbone.FRONT_END


def check_weights(name: str, weights: Weights) -> None:
    """Build a network from its file once, so that a file that does not serve is reported once and not by every clip.

    Raises
    ------
    InputError
        The file is absent, differs from its checksum, or does not fit the network.
    """
    if weights.path is not None:
        load_backbone(name).build(weights)


def available_backbones() -> tuple[str, ...]:
    """Return the names of all backbones, sorted: the packages beside `common`."""
    folders = [Path(folder) for folder in pipeline.backbones.__path__]
    packages = {file.parent.name for folder in folders for file in folder.glob("*/__init__.py")}
    return tuple(sorted(packages - {"common"}))
