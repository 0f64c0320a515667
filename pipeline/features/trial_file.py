"""A trial's features in one file: a Zarr v3 group in an uncompressed zip, whose bytes depend only on its content.

A folder tree would be eight folders and seven files per trial, which DVC lists, hashes and links one by one. Each chunk
is an entry of its own with a CRC-32, so a part of a trial can be read alone; embeddings hardly compress (8 to 13 %).
`xarray.open_zarr(zarr.storage.ZipStore(path), consolidated=False)` opens such a file.
"""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.buffer import Buffer
from zarr.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

FILE = "features.zip"
"""Name of the file in the directory of an item."""

CHUNK_FRAMES = 1000
"""Most frames per chunk; a trial is cut into equal chunks, so that padding stays below one frame per chunk."""

DIMENSIONS = {
    "embedding": ("view", "frame", "feature"),
    "time": ("frame",),
    "valid": ("frame",),
}
"""Of each array, the last ones where it has fewer."""

_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]], *, attributes: Mapping[str, Any]) -> None:
    """Write arrays of `DIMENSIONS` as one Zarr group.

    Parameters
    ----------
    path : the file
    arrays : embedding (t, d_m) or (v, t, d_m), time (t,), valid (t,)
    attributes : of the group; plain JSON
    """
    entries: dict[str, Buffer] = {}
    group = zarr.create_group(MemoryStore(entries), zarr_format=3, attributes=dict(attributes))
    for name, data in arrays.items():
        dimensions = DIMENSIONS[name][-data.ndim :]
        frames = data.shape[dimensions.index("frame")]
        chunk = -(-frames // -(-frames // CHUNK_FRAMES))
        lengths = {"view": 1, "frame": chunk}
        array = group.create_array(
            name,
            shape=data.shape,
            dtype=data.dtype,
            chunks=tuple(lengths.get(one, size) for one, size in zip(dimensions, data.shape, strict=True)),
            filters=None,
            compressors=None,
            fill_value=0,
            dimension_names=dimensions,
            # A chunk of zeros that is left out could not be told from a lost one.
            config={"write_empty_chunks": True},
        )
        array[...] = data
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, content in sorted(entries.items()):
            file.writestr(zipfile.ZipInfo(name, _NO_TIME), content.to_bytes())


def read_arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return all arrays of a file with these bytes.

    Raises
    ------
    ValueError
        It is damaged, or no such file.
    """
    with _opened(BytesIO(content)) as file:
        return {name: _array(file, name) for name in DIMENSIONS}


def read_array(path: Path, name: str) -> npt.NDArray[Any]:
    """Return one array of a file, without reading the others.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is damaged, or no such file.
    """
    with _opened(path) as file:
        return _array(file, name)


def read_attributes(content: bytes) -> dict[str, Any]:
    """Return the attributes of a file with these bytes.

    Raises
    ------
    ValueError
        It is damaged, or no such file.
    """
    with _opened(BytesIO(content)) as file:
        return dict(zarr.open_group(_store(file, ""), mode="r", zarr_format=3).attrs)


@contextmanager
def _opened(source: Path | BytesIO) -> Iterator[zipfile.ZipFile]:
    """Open a file; what its bytes lack is one kind of error, whoever finds it."""
    try:
        with zipfile.ZipFile(source) as file:
            yield file
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise ValueError(str(error)) from error


def _array(file: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    array = zarr.open_array(_store(file, f"{name}/"), mode="r", zarr_format=3)
    # Zarr reads a chunk that is not there as zeros.
    if array.nchunks_initialized != array.nchunks:
        raise ValueError(f"{name} has {array.nchunks_initialized} of {array.nchunks} chunks")
    return np.asarray(array[...])


def _store(file: zipfile.ZipFile, prefix: str) -> MemoryStore:
    """Return the entries below `prefix`, each compared with its CRC-32."""
    buffer = default_buffer_prototype().buffer
    names = [name for name in file.namelist() if name.startswith(prefix)]
    return MemoryStore({name.removeprefix(prefix): buffer.from_bytes(file.read(name)) for name in names})
