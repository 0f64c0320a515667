"""What a trained model needs besides its networks, so that it can predict a video without corpus, DVC or params.yaml.

A file beside the networks of ``models/<model>``. No date, path or version of the program stands in it: equal trainings
give equal bytes. It imports no numeric library, since it says how these are to be loaded.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.clips.settings import ClipSettings
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.reading import reading
from pipeline.runtime.section import Section

RECIPE = "recipe.json"
SCHEMA = 1

Kind = Literal["trained", "fine-tuned"]


class WeightsRecipe(Section):
    """Which weights a backbone had: random ones of a seed, or a file of a name and a SHA-256."""

    name: str
    seed: int | None = None
    sha256: str | None = None

    @property
    def identity(self) -> str:
        """What tells these weights from others, as `pipeline.backbones.common.weights` writes it."""
        return f"random:{self.seed}" if self.sha256 is None else f"sha256:{self.sha256.lower()}"


class StreamRecipe(Section):
    """How the embeddings of one stream were made.

    Parameters
    ----------
    backbone, modality, dimension : the package, what it reads, and numbers per frame
    weights : of the network
    precision : of the network
    batch : frames at a time; the last bits of a result depend on it
    store : type of number in which embeddings reach the model
    front_end : how the package prepared its inputs
    """

    backbone: str
    modality: Literal["visual", "audio"]
    dimension: int
    weights: WeightsRecipe
    precision: Literal["float32", "bfloat16"]
    batch: int = Field(gt=0)
    store: Literal["float16", "float32"]
    front_end: dict[str, Any]

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> "StreamRecipe":
        """Take what a feature store records (`pipeline.backbones.common.extraction.store_attributes`).

        Raises
        ------
        InputError
            The store was written by another version, which recorded less.
        """
        missing = [name for name in cls.model_fields if name not in attributes]
        if missing:
            message = f"the features of {attributes.get('backbone', 'a backbone')} do not record {', '.join(missing)}"
            raise InputError("features", [Problem(message, remedy="run `dvc repro` for their extract stage")])
        return cls.model_validate_json(json.dumps({name: attributes[name] for name in cls.model_fields}))


class NetworkRecipe(Section):
    """One trained network.

    Parameters
    ----------
    fold, repeat : as in `pipeline.evaluation.runs.Run`
    sha256 : of its file
    """

    fold: int = Field(ge=0)
    repeat: int = Field(default=0, ge=0)
    sha256: str


class Recipe(Section):
    """A trained model's needs.

    Parameters
    ----------
    schema_version : of this file
    model : name under which it was trained
    kind : whether the networks hold changed backbones
    arithmetic : that it was trained with, ``"portable"``, ``"native"`` or ``"cuda"``
    targets : (low, high) of each, in order
    clips : how videos are prepared
    streams : by role, in the model's order
    networks : by the name of their file
    """

    schema_version: int = SCHEMA
    model: str
    kind: Kind
    arithmetic: Literal["portable", "native", "cuda"]
    targets: dict[str, tuple[float, float]]
    clips: ClipSettings
    streams: dict[str, StreamRecipe]
    networks: dict[str, NetworkRecipe] = Field(default={})


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write a recipe as JSON."""
    path.write_text(json.dumps(recipe.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8", newline="\n")


def read_recipe(path: Path) -> Recipe:
    """Read what `write_recipe` wrote.

    Raises
    ------
    InputError
        The file is missing, damaged, or of another schema.
    """
    remedy = "run `dvc repro` for its train stage, or pack it again with this version of affectflow"
    with reading(path, what="a model's recipe cannot be read", remedy=remedy):
        return parse_recipe(path.read_bytes())


def parse_recipe(data: bytes) -> Recipe:
    """Read a recipe's bytes.

    Raises
    ------
    ValueError
        They are no recipe of this schema.
    """
    values = json.loads(data)
    found = values.get("schema_version") if isinstance(values, dict) else None
    if found != SCHEMA:
        raise ValueError(f"it is no recipe of schema {SCHEMA}, but of {found}")
    return Recipe.model_validate_json(data)
