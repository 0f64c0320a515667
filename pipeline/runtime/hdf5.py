"""HDF5 files: read within the bounds of what they hold, and written so that a full disk is an error and no crash."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from math import prod
from pathlib import Path
from typing import Any

import h5py

from pipeline.runtime.reading import FAULTS

MOST_COMPRESSED = 1040
"""Times that content may be larger than its compressed bytes; DEFLATE reaches 1032."""


@contextmanager
def create_hdf5(path: Path, **options: Any) -> Iterator[h5py.File]:
    """Give a new file to write, which is complete after the block.

    Parameters
    ----------
    path : replaced if it is there
    options : of `h5py.File`

    Raises
    ------
    OSError
        The disk is full, or fails.
    """
    with _Target(path) as target:
        try:
            with h5py.File(target, "w", **options) as file:
                yield file
        finally:
            if target.error is not None:
                target.error.filename = str(path)
                raise target.error


class _Target(FileIO):
    """The file that HDF5 writes to. The library crashes where it cannot write, so it is not told until the end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        try:
            while left and self.error is None:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            self.error = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0


def open_hdf5(path: Path) -> h5py.File:
    """Open a file read-only, after comparing the sizes that its datasets claim with the bytes that they have.

    Raises
    ------
    ValueError
        A dataset claims more than its bytes can give, or lies in another file.
    OSError
        It is no HDF5 file, cut off, or not readable.
    """
    file = h5py.File(path, "r")
    size = path.stat().st_size
    # HDF5 cannot pass on what is raised while it visits; it ends with the first value that is not None.
    fault = file.visititems_links(lambda name, link: _fault(file, name, link, size=size))
    if fault is not None:
        file.close()
        raise ValueError(fault)
    return file


def _fault(file: h5py.File, name: str, link: Any, *, size: int) -> str | None:
    """Say what is wrong with one entry of a file of `size` bytes, or None."""
    if not isinstance(link, h5py.HardLink):
        return f"{name} is a link to another place"
    try:
        dataset = file[name]
        return _claim_fault(name, dataset, size=size) if isinstance(dataset, h5py.Dataset) else None
    except FAULTS as error:
        return f"{name}: {error}"


def _claim_fault(name: str, dataset: h5py.Dataset, *, size: int) -> str | None:
    if dataset.external or dataset.is_virtual:
        return f"{name} lies in another file"
    # Python's whole numbers: NumPy's would overflow.
    counts = [prod(int(length) for length in shape) for shape in (dataset.shape, dataset.chunks or ()) if shape]
    claimed = max(counts, default=1) * int(dataset.dtype.itemsize)
    stored = min(int(dataset.id.get_storage_size()), size)
    most = stored * (MOST_COMPRESSED if dataset.chunks else 1)
    return f"{name} claims {claimed} bytes, and the file holds {stored} for it" if claimed > most else None
