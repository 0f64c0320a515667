"""Which weights a backbone runs with: a checked file, or random ones from a seed. No pickled code is ever run."""

import pickle  # nosec B403 # for the name of its error
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from pipeline.backbones.common.config import BackboneConfig
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.files import sha256_file

RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The origin of a network's weights.

    Parameters
    ----------
    path : checkpoint (``.safetensors``, or what ``torch.save`` writes of a state dict); None for random weights
    sha256 : of the file's bytes; needed with `path`
    seed : of random weights; without meaning for a file

    Raises
    ------
    InputError
        A file without `sha256`, with the value that the file has now.
    """

    path: Path | None = None
    sha256: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.path is not None and self.sha256 is None:
            actual = self._actual_sha256(self.path)
            remedy = f"if you trust the file, put `sha256: {actual}` beside `weights`"
            raise InputError(
                "weights", [Problem("a weights file needs its sha256", file=str(self.path), remedy=remedy)]
            )
        if self.path is None and self.sha256 is not None:
            remedy = "name a file under `weights`, or take `sha256` away"
            raise InputError("weights", [Problem("random weights have no sha256", remedy=remedy)])

    @classmethod
    def from_config(cls, config: BackboneConfig) -> "Weights":
        """Take the weights of a backbone's section of params.yaml."""
        if config.weights == RANDOM:
            return cls(sha256=config.sha256, seed=config.seed)
        return cls(path=Path(config.weights), sha256=config.sha256)

    @property
    def identity(self) -> str:
        """What tells these weights from others, for an item's key."""
        return f"{RANDOM}:{self.seed}" if self.path is None else f"sha256:{(self.sha256 or '').lower()}"

    @property
    def attributes(self) -> dict[str, Any]:
        """What a feature store records of its weights."""
        if self.path is None:
            return {"name": RANDOM, "seed": self.seed}
        return {"name": self.path.name, "sha256": self.sha256}

    def check(self) -> None:
        """Compare the file with its checksum.

        Raises
        ------
        InputError
            The file is absent, or its SHA-256 differs; both are given.
        """
        if self.path is None:
            return
        actual = self._actual_sha256(self.path)
        if actual != (self.sha256 or "").lower():
            message = f"SHA-256 is {actual}, but params.yaml has {self.sha256}"
            remedy = "fetch the file again, or correct `sha256` if the new file is the right one"
            raise InputError("weights", [Problem(message, file=str(self.path), remedy=remedy)])

    def state_dict(self) -> Mapping[str, Tensor]:
        """Read the checked file's tensors by name, on the CPU.

        Raises
        ------
        InputError
            The file is absent, differs from its checksum, or holds more than tensors.
        """
        if self.path is None:
            raise ValueError("random weights have no file to read")
        self.check()
        try:
            with warnings.catch_warnings(action="ignore", category=UserWarning):
                content = (
                    load_file(self.path)
                    if self.path.suffix == ".safetensors"
                    else torch.load(self.path, map_location="cpu", weights_only=True)
                )
        except Exception as error:  # from bytes that are no checkpoint, the reader raises anything
            problem = Problem(
                f"not a readable checkpoint of plain tensors: {_reason(error)}",
                file=str(self.path),
                remedy="give a .safetensors file, or one that torch.save wrote of a state dict alone",
            )
            # Without its cause, which advises to read the file with the code that is in it.
            raise InputError("weights", [problem]) from None
        return self._tensors(content)

    def _tensors(self, content: object) -> Mapping[str, Tensor]:
        if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
            content = content["state_dict"]
        if not isinstance(content, Mapping) or not content:
            problem = Problem(f"holds a {type(content).__name__}, not tensors by name", file=str(self.path))
            raise InputError("weights", [problem])
        others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
        if others:
            raise InputError("weights", [Problem(f"{key} is not a tensor", file=str(self.path)) for key in others])
        return content

    @staticmethod
    def _actual_sha256(path: Path) -> str:
        if not path.is_file():
            remedy = "put the file there, or set `weights: random`"
            raise InputError("weights", [Problem("no such file", file=str(path), remedy=remedy)])
        return sha256_file(path)


def _reason(error: Exception) -> str:
    if isinstance(error, pickle.UnpicklingError):
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        return f"it pickles {named[1] if named else 'Python objects'}, and code that is in a pickle is never run"
    return f"it is damaged, or something else ({type(error).__name__})"
