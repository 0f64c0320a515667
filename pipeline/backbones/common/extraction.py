"""All clips' features by one backbone: every view of every clip is an item, and so is what joins a clip's views."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.backbones.common.config import BackboneConfig, View
from pipeline.backbones.common.embed import Extraction, embed_clip
from pipeline.backbones.common.interface import check_weights, load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.manifest import ManifestRow
from pipeline.features.views import ViewJoin, join_views
from pipeline.runtime.code import Code
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.executor import Executor
from pipeline.runtime.items import Item, ItemCache, item_key
from pipeline.runtime.materialise import Materialised, look_up, materialise
from pipeline.runtime.precision import resolve_precision
from pipeline.runtime.seeds import Seeds

SILENT_REMEDY = "give the trial sound, take it out of the corpus, or use models without streams of sound"


def extract_trials(
    backbone: str,
    config: BackboneConfig,
    rows: Sequence[ManifestRow],
    *,
    clips: Path,
    cache: ItemCache,
    executor: Executor,
    seeds: Seeds | None = None,
) -> Materialised:
    """Embed clips in the backbone's views.

    Parameters
    ----------
    backbone : name of the package
    config : its section of params.yaml
    rows : of the clips' manifest
    clips : folder of the clips' files
    cache, executor : where results are kept, and on what they are computed
    seeds : the last run's store, for what the cache lacks

    Returns
    -------
    Each trial's directory, with one file; with several views, all of them in that one

    Raises
    ------
    ConfigError
        There is no such backbone, or its precision does not go with `compute.numerics`.
    InputError
        The weights' file is not the one of the section, a clip has no sound where it is needed, or a clip failed.
    """
    refuse_silent(backbone, rows)
    datasets = load_backbone(backbone).DATASETS
    weights = Weights.from_config(config)
    precision = resolve_precision(config.precision, executor)
    check = partial(check_weights, backbone, weights)
    code = Code.of("pipeline.backbones.common.embed", f"pipeline.backbones.{backbone}")

    def item(row: ManifestRow, view: View) -> Item:
        payload = Extraction(
            backbone=backbone,
            trial=row.trial,
            clip=clips / f"{row.trial}.h5",
            content=row.content(datasets),
            view=view,
            weights=weights,
            precision=precision,
            batch=config.batch,
            store=config.store,
        )
        key = item_key(
            content=payload.content,
            trial=row.trial,
            backbone=backbone,
            view=view,
            weights=weights.identity,
            precision=precision,
            # The convolution libraries choose their kernels by the batch, and with them the last bits.
            batch=config.batch,
            store=config.store,
            arithmetic=executor.arithmetic,
            code=code,
        )
        return Item(row.trial if len(config.views) == 1 else f"{row.trial} {view}", key, payload, code)

    items = {row.trial: {view: item(row, view) for view in config.views} for row in rows}
    label = f"extract {backbone}"
    if len(config.views) > 1:
        return _joined(items, cache=cache, executor=executor, label=label, seeds=seeds, before=check)
    centres = [item for views in items.values() for item in views.values()]
    return materialise(centres, embed_clip, cache=cache, executor=executor, label=label, seeds=seeds, before=check)


def store_attributes(backbone: str, config: BackboneConfig, *, executor: Executor) -> dict[str, Any]:
    """Return what a feature store records of its backbone, and of the arithmetic that `executor` computed it with."""
    package = load_backbone(backbone)
    return {
        "backbone": backbone,
        "modality": package.MODALITY,
        "dimension": package.DIMENSION,
        "weights": Weights.from_config(config).attributes,
        "precision": resolve_precision(config.precision, executor),
        "batch": config.batch,
        "store": config.store,
        "arithmetic": executor.arithmetic,
        "front_end": package.FRONT_END,
    } | ({"views": list(config.views)} if len(config.views) > 1 else {})


def _joined(
    items: Mapping[str, Mapping[View, Item]],
    *,
    cache: ItemCache,
    executor: Executor,
    label: str,
    seeds: Seeds | None,
    before: Callable[[], None],
) -> Materialised:
    """Embed each trial's views, by their names, and join them."""
    code = Code.of("pipeline.features.views")
    keys = {
        trial: item_key(kind="views", parts=[[view, part.key] for view, part in views.items()], code=code)
        for trial, views in items.items()
    }
    # Where the whole is there, its parts may be gone: `affectflow cache prune` drops what is not asked for.
    wholes = [Item(trial, key, None, code) for trial, key in keys.items()]
    known = look_up(wholes, cache=cache, label=label)
    missing = {trial: key for trial, key in keys.items() if key not in known}
    taken = seeds.take(list(missing.values()), cache.create) if seeds is not None else ()
    lacking = [part for trial, key in missing.items() if key not in taken for part in items[trial].values()]
    paths = materialise(lacking, embed_clip, cache=cache, executor=executor, label=label, before=before).paths
    joins = [
        Item(trial, key, ViewJoin(tuple((view, paths.get(part.name)) for view, part in items[trial].items())), code)
        for trial, key in keys.items()
    ]
    return materialise(joins, join_views, cache=cache, executor=executor, label=f"{label}, views joined", known=known)


def refuse_silent(backbone: str, rows: Sequence[ManifestRow]) -> None:
    """Refuse clips without sound for a backbone that embeds sound.

    Raises
    ------
    InputError
        Names each such clip.
    """
    if load_backbone(backbone).MODALITY == "audio":
        message, remedy = f"no sound, and {backbone} embeds sound", SILENT_REMEDY
        silent = [Problem(message, trial=row.trial, remedy=remedy) for row in rows if row.duration == 0]
        if silent:
            raise InputError(f"extract {backbone}", silent)
