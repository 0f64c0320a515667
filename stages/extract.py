"""Embed every frame of every clip with one backbone: `python -m stages.extract ir50`."""

from pipeline.backbones.common.config import BackboneConfig
from pipeline.backbones.common.extraction import extract_trials, store_attributes
from pipeline.clips.manifest import read_manifest
from pipeline.features.store import SUFFIX, assemble_store
from pipeline.runtime.items import ItemCache, write_seeds
from pipeline.runtime.layout import CLIPS, FEATURES, ITEMS, MANIFEST
from pipeline.runtime.seeds import Seeds
from pipeline.runtime.stage import argument, load_params, run_stage


def main() -> None:
    """Write data/features/<backbone>.zarr."""
    name = argument("backbone")
    params = load_params()
    config = params.entry(BackboneConfig, "backbones", name)
    executor = params.executor(device=True)
    seeds, cache = Seeds(ITEMS / "extract" / f"{name}.json", FEATURES / f"{name}.zarr"), ItemCache()
    embedded = extract_trials(
        name,
        config,
        read_manifest(MANIFEST),
        clips=CLIPS,
        cache=cache,
        executor=executor,
        seeds=seeds,
    )
    attributes = store_attributes(name, config, executor=executor)
    checksums = {trial: cache.checksums(path.parent.name) for trial, path in embedded.paths.items()}
    assemble_store(seeds.out, embedded.paths, attributes=attributes, checksums=checksums)
    write_seeds(seeds, embedded.paths, cache=cache, place=lambda trial, _: f"{trial}{SUFFIX}")


if __name__ == "__main__":
    run_stage(main)
