"""What fine-tuning needs to know of a backbone: `pipeline/finetuning/backbones/<name>.py`, found by name.

It stands apart from the backbone's own module, on which the features of a whole corpus depend: an edit here never
recomputes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import pipeline.finetuning.backbones
from pipeline.clips.excerpt import OpenClip
from pipeline.runtime.errors import ConfigError

Excerpt = tuple[npt.NDArray[Any], ...]
"""What a backbone reads of a window, as arrays of its own choice."""

Step = tuple[str, Callable[[Tensor], Tensor]]
"""Part of a network: the name of its parameters' module (or of what it does, without any), and the function."""


@dataclass(frozen=True)
class Augmentation:
    """How the faces of a window are cropped and mirrored, the same for all its frames; the default is the embeddings'.

    Parameters
    ----------
    crop : (top, left) of the crop, each as a share in [0, 1) of the possible places; None is the centre
    mirrored : left and right exchanged
    """

    crop: tuple[float, float] | None = None
    mirrored: bool = False


def draw_augmentations(
    count: int, *, crop: Literal["random", "centre"], flip: float, generator: torch.Generator
) -> list[Augmentation]:
    """Draw an augmentation for each of `count` windows.

    Parameters
    ----------
    crop : whether the crop moves, or stays where it is for embeddings
    flip : probability that a window is mirrored
    generator : advances by the same number of draws, independent of `crop` and `flip`
    """
    draws = torch.rand(count, 3, generator=generator, dtype=torch.float64).tolist()
    moves = crop == "random"
    return [Augmentation((top, left) if moves else None, mirrored=chance < flip) for top, left, chance in draws]


class Tunable(Protocol):
    """A module that defines how a backbone is fine-tuned.

    Attributes
    ----------
    RELEASE : names of modules, group after group in the order in which they are released
    """

    @property
    def RELEASE(self) -> tuple[tuple[str, ...], ...]: ...  # noqa: D102

    def steps(self, network: Any) -> list[Step]:
        """Cut the network's forward pass into named parts; released modules are parts of their own."""

    def read(self, clip: OpenClip, frames: npt.NDArray[np.int64]) -> Excerpt:
        """Read what the network needs of a clip to embed `frames` (n,)."""

    def prepare(self, network: Any, excerpt: Excerpt, *, augmentation: Augmentation, device: torch.device) -> Tensor:
        """Make the first step's input (n, ...) on `device`; it runs no layer that can be released."""


def load_tunable(name: str) -> Tunable:
    """Import the module that defines how the backbone `name` is fine-tuned.

    Raises
    ------
    ConfigError
        There is no such module; the message lists the backbones that can be fine-tuned.
    """
    known = tunable_backbones()
    if name not in known:
        raise ConfigError(
            f"backbone {name!r} cannot be fine-tuned: there is no pipeline/finetuning/backbones/{name}.py; "
            f"backbones that can: {', '.join(known)}"
        )
    return cast(Tunable, import_module(f"{pipeline.finetuning.backbones.__name__}.{name}"))


def tunable_backbones() -> tuple[str, ...]:
    """Return the names of the backbones that can be fine-tuned, sorted."""
    folders = [Path(folder) for folder in pipeline.finetuning.backbones.__path__]
    files = sorted(file for folder in folders for file in folder.glob("*.py"))
    return tuple(file.stem for file in files if file.stem != "__init__")
