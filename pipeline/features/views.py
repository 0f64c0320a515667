"""The view dimension of a feature store: a trial whose frames were embedded in more than one way.

Such a trial has an `embedding` (view, frame, feature), still one shard file, and the attribute `views` with their names
in order; the store has it as well. Time and validity are those of any trial.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import Crc32cCodec
from zarr.storage import LocalStore

from pipeline.features.store import CHUNK_FRAMES, FeatureStore
from pipeline.runtime.files import assemble

CENTRE_ALONE = ("centre",)


def views_of(store: FeatureStore) -> tuple[str, ...]:
    """Return the names of a store's views, in the order of its embeddings' first dimension.

    A store of one view has embeddings (frame, feature) and does not name it: it is the centre.
    """
    return tuple(store.attributes.get("views", CENTRE_ALONE))


@dataclass(frozen=True)
class ViewJoin:
    """The views of one trial.

    Parameters
    ----------
    parts : name of each view with the group that `write_trial` wrote; no path where the join is there already
    """

    parts: tuple[tuple[str, Path | None], ...]


def join_views(task: ViewJoin, directory: Path) -> None:
    """Write the trial's group with all its views to `directory`.

    Raises
    ------
    ValueError
        A view is not there, or the views differ in shape.
    """
    absent = [view for view, path in task.parts if path is None]
    if absent:
        raise ValueError(f"no features of the views {', '.join(absent)}")
    paths = {view: path for view, path in task.parts if path is not None}
    arrays = [_read(path / "embedding") for path in paths.values()]
    if len({array.shape for array in arrays}) > 1:
        shapes = ", ".join(f"{view} {array.shape}" for view, array in zip(paths, arrays, strict=True))
        raise ValueError(f"the views of a trial have the same frames and features, got {shapes}")
    first = next(iter(paths.values()))
    known = zarr.open_group(LocalStore(first, read_only=True), mode="r", zarr_format=3).attrs
    attributes = {**known, "views": list(paths)}
    group = zarr.create_group(LocalStore(directory), zarr_format=3, overwrite=True, attributes=attributes)
    _write_embedding(group, np.stack(arrays))
    for name in ("time", "valid"):
        assemble(first / name, directory / name)


def _read(path: Path) -> npt.NDArray[Any]:
    """Read an array of an item, whose files the item cache has compared with their checksums."""
    return np.asarray(zarr.open_array(LocalStore(path, read_only=True), mode="r", zarr_format=3)[...])


def _write_embedding(group: zarr.Group, data: npt.NDArray[Any]) -> None:
    """Write (v, t, d) as `write_trial` writes (t, d): one shard, whose chunks hold some frames of one view each."""
    views, frames, width = data.shape
    count = -(-frames // CHUNK_FRAMES)
    chunk = -(-frames // count)
    array = group.create_array(
        "embedding",
        shape=data.shape,
        dtype=data.dtype,
        chunks=(1, chunk, width),
        shards=(views, chunk * count, width),
        filters=None,
        compressors=[Crc32cCodec()],
        fill_value=0,
        dimension_names=("view", "frame", "feature"),
        config={"write_empty_chunks": True},
    )
    array[...] = data
