import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.runtime.errors import InputError
from pipeline.runtime.hdf5 import create_hdf5, open_hdf5
from pipeline.runtime.reading import reading


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.h5"


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("values", [np.zeros((3000, 500)), np.ones(0), np.float32(3), np.arange(7, dtype=np.int16)])
def test_what_was_written_can_be_read(path: Path, values: np.ndarray, compression: str | None) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("group/x", data=values, compression=compression if np.size(values) > 1 else None)
    with open_hdf5(path) as file:
        np.testing.assert_array_equal(file["group/x"][()], values)


def test_a_new_file_is_whole_and_always_the_same(path: Path) -> None:
    contents = []
    for _ in range(2):
        with create_hdf5(path) as file:
            file.create_dataset("group/x", data=np.arange(100_000.0), track_times=False)
            file.create_dataset("y", data=np.arange(9), compression="gzip", fletcher32=True, track_times=False)
            file.attrs["names"] = ["a", "b"]
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    with open_hdf5(path) as file:
        np.testing.assert_array_equal(file["group/x"][()], np.arange(100_000.0))
        np.testing.assert_array_equal(file["y"][()], np.arange(9))
        assert list(file.attrs["names"]) == ["a", "b"]


@pytest.mark.parametrize("limit", [0, 100, 5000, 100_000])
def test_a_file_that_may_not_grow_is_an_error_and_no_crash(path: Path, limit: int) -> None:
    """In a process of its own, which HDF5 would take down."""
    script = (
        "import resource, sys; from pathlib import Path; import numpy as np; "
        "from pipeline.runtime.hdf5 import create_hdf5\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "with create_hdf5(Path(sys.argv[1])) as file:\n"
        "    file.create_dataset('x', data=np.random.rand(100_000))\n"
        "    file.create_dataset('y', data=np.random.rand(1000), compression='gzip')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"OSError: [Errno 27] File too large: '{path}'"
    assert "ignored" not in done.stderr


def test_an_error_of_ours_passes(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), create_hdf5(path):
        raise ZeroDivisionError


@pytest.mark.parametrize("shape", [(1 << 40,), (1 << 32, 1 << 24), (5000, 5000)])
def test_a_claim_without_bytes_is_refused(path: Path, shape: tuple[int, ...]) -> None:
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("group/x", shape=shape, dtype="f4", chunks=(8,) * len(shape), compression="gzip")
        dataset[(0,) * len(shape)] = 1
    with pytest.raises(ValueError, match=r"group/x claims [0-9]+ bytes, and the file holds [0-9]+ for it"):
        open_hdf5(path)


def test_a_chunk_larger_than_the_file_is_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape=(4,), maxshape=(None,), dtype="f8", chunks=(1 << 28,))
    with pytest.raises(ValueError, match="x claims 2147483648 bytes"):
        open_hdf5(path)


def test_contiguous_data_behind_the_end_is_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.zeros(1000, np.uint8))
    data = path.read_bytes()
    claim = (1000).to_bytes(8, "little")
    assert data.count(claim) >= 2
    path.write_bytes(data.replace(claim, (1 << 44).to_bytes(8, "little")))
    with pytest.raises(ValueError, match=r"x: .*invalid dataset size|x claims 17592186044416 bytes"):
        open_hdf5(path)


def test_data_in_other_files_is_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"secret")
    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape=(6,), dtype="u1", external=[(str(other), 0, 6)])
    with pytest.raises(ValueError, match="x lies in another file"):
        open_hdf5(path)
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink(str(other), "/x")
    with pytest.raises(ValueError, match="x is a link to another place"):
        open_hdf5(path)


def test_virtual_data_is_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((6,), "u1")
        layout[:] = h5py.VirtualSource("other.h5", "x", (6,))
        file.create_virtual_dataset("x", layout)
    with pytest.raises(ValueError, match="x lies in another file"):
        open_hdf5(path)


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_other_files_are_named(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with (
        pytest.raises(
            InputError, match=r"it: 1 problem\n  .*a\.h5, trial a: damaged, or of another version: .* -> run"
        ),
        reading(path, what="it", remedy="run", trial="a"),
    ):
        open_hdf5(path)
