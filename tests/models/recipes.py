"""A recipe for tests of what writes or reads one."""

from typing import Any

from pipeline.clips.settings import ClipSettings
from pipeline.models.recipe import Recipe, StreamRecipe, WeightsRecipe


def store_attributes(backbone: str, modality: str, dimension: int) -> dict[str, Any]:
    """Return what a store of embeddings records that no network computed."""
    return {
        "backbone": backbone,
        "modality": modality,
        "dimension": dimension,
        "weights": {"name": "random", "seed": 0},
        "precision": "float32",
        "batch": 32,
        "store": "float16",
        "front_end": {},
    }


def visual_recipe() -> Recipe:
    stream = StreamRecipe(
        backbone="ir50",
        modality="visual",
        dimension=512,
        weights=WeightsRecipe(name="random", seed=0),
        precision="float32",
        batch=32,
        store="float16",
        front_end={"crop": 40},
    )
    return Recipe(
        model="visual",
        kind="trained",
        arithmetic="native",
        targets={"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)},
        clips=ClipSettings(face_size=40, sample_rate=16000),
        streams={"visual": stream},
    )
