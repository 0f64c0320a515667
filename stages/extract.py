"""Embed every frame of every clip with one backbone: `python -m stages.extract ir50`."""

from typing import Any

from pipeline.backbones.common.config import BackboneConfig
from pipeline.backbones.common.embed import Extraction, embed_clip
from pipeline.backbones.common.interface import Backbone, load_backbone
from pipeline.backbones.common.multi_view import embed_views
from pipeline.backbones.common.weights import Weights
from pipeline.clips.manifest import ManifestRow, read_manifest
from pipeline.features.store import assemble_store
from pipeline.runtime.code import code_key
from pipeline.runtime.items import Item, ItemCache, item_key, materialise
from pipeline.runtime.layout import CLIPS, FEATURES, MANIFEST
from pipeline.runtime.stage import argument, load_params, run_stage


def main() -> None:
    """Write data/features/<backbone>.zarr."""
    name = argument("backbone")
    params = load_params()
    config = params.entry(BackboneConfig, "backbones", name)
    backbone = load_backbone(name)
    weights = Weights.from_config(config)
    weights.check()
    code = code_key("pipeline.backbones.common.embed", f"pipeline.backbones.{name}")
    items = [_item(row, name, backbone, config, weights, code) for row in read_manifest(MANIFEST)]
    cache, executor, label = ItemCache(), params.executor(device=True), f"extract {name}"
    attributes: dict[str, Any] = {
        "backbone": name,
        "modality": backbone.MODALITY,
        "dimension": backbone.DIMENSION,
        "weights": weights.attributes,
        "precision": config.precision,
        "front_end": backbone.FRONT_END,
    }
    if len(config.views) > 1:
        attributes["views"] = list(config.views)
        embedded = embed_views(items, config.views, cache=cache, executor=executor, label=label)
    else:
        embedded = materialise(items, embed_clip, cache=cache, executor=executor, label=label)
    assemble_store(FEATURES / f"{name}.zarr", embedded.paths, attributes=attributes)


def _item(row: ManifestRow, name: str, backbone: Backbone, config: BackboneConfig, weights: Weights, code: str) -> Item:
    payload = Extraction(
        backbone=name,
        trial=row.trial,
        clip=CLIPS / f"{row.trial}.h5",
        weights=weights,
        precision=config.precision,
        batch=config.batch,
        store=config.store,
    )
    key = item_key(
        content=row.content(backbone.NEEDS),
        trial=row.trial,
        backbone=name,
        weights=weights.identity,
        precision=config.precision,
        # The convolution libraries choose their kernels by the batch, and with them the last bits.
        batch=config.batch,
        store=config.store,
        code=code,
    )
    return Item(name=row.trial, key=key, payload=payload)


if __name__ == "__main__":
    run_stage(main)
