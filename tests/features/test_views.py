from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import ZipStore

from pipeline.features.store import FeatureStore, assemble_store, write_trial
from pipeline.features.trial_file import CHUNK_FRAMES, FILE, read_array
from pipeline.features.views import ViewJoin, join_views, views_of
from pipeline.runtime.errors import InputError

VIEWS = ("centre", "centre_flipped", "top_left")


Kind = Literal["float16", "float32"]
Arrays = dict[str, np.ndarray]


def parts(
    folder: Path, *, frames: int = 30, width: int = 8, views: tuple[str, ...] = VIEWS, store: Kind = "float16"
) -> tuple[ViewJoin, Arrays]:
    random = np.random.default_rng(0)
    time, valid = np.cumsum(random.uniform(0.01, 0.1, frames)), random.uniform(size=frames) < 0.8
    arrays: Arrays = {}
    for view in views:
        arrays[view] = random.normal(size=(frames, width)).astype(store)
        attributes = {"trial": "7", "backbone": "ir50"}
        write_trial(folder / view, embedding=arrays[view], time=time, valid=valid, store=store, attributes=attributes)
    return ViewJoin(tuple((view, folder / view) for view in views)), arrays


def make_store(folder: Path, **sizes: Any) -> tuple[FeatureStore, Arrays]:
    task, arrays = parts(folder, **sizes)
    join_views(task, folder / "joined")
    assemble_store(
        folder / "ir50.zarr", {"7": folder / "joined"}, attributes={"views": [view for view, _ in task.parts]}
    )
    return FeatureStore.open(folder / "ir50.zarr"), arrays


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@settings(max_examples=10)
@given(
    frames=st.integers(1, 2 * CHUNK_FRAMES + 3),
    width=st.integers(1, 5),
    count=st.integers(2, 3),
    store=st.sampled_from(["float16", "float32"]),
)
def test_what_is_joined_is_read_view_by_view(
    tmp_path_factory: pytest.TempPathFactory, frames: int, width: int, count: int, store: Kind
) -> None:
    folder = tmp_path_factory.mktemp("views")
    opened, arrays = make_store(folder, frames=frames, width=width, views=VIEWS[:count], store=store)
    features = opened.read("7")
    assert views_of(opened) == VIEWS[:count]
    assert features.embedding.shape == (count, frames, width)
    assert features.embedding.dtype == store
    assert features.embedding.flags.c_contiguous
    for place, view in enumerate(views_of(opened)):
        np.testing.assert_array_equal(features.embedding[place], arrays[view])
    for name, values in (("time", features.time), ("valid", features.valid)):
        np.testing.assert_array_equal(values, read_array(folder / "centre" / FILE, name))


def test_a_store_of_one_view_is_the_centre(tmp_path: Path) -> None:
    parts(tmp_path, views=("centre",))
    assemble_store(tmp_path / "ir50.zarr", {"7": tmp_path / "centre"}, attributes={})
    store = FeatureStore.open(tmp_path / "ir50.zarr")
    assert views_of(store) == ("centre",)
    assert store.read("7").embedding.shape == (30, 8)


def test_a_chunk_holds_frames_of_one_view(tmp_path: Path) -> None:
    make_store(tmp_path, frames=2500)
    group = zarr.open_group(ZipStore(tmp_path / "joined" / FILE, mode="r"), mode="r")
    array = group["embedding"]
    assert isinstance(array, zarr.Array)
    assert array.chunks == (1, 834, 8)
    assert array.nchunks_initialized == 3 * 3
    assert (tmp_path / "joined" / FILE).stat().st_size < 3 * (2500 + 3) * 8 * 2 + 2500 * 9 + 6000


def test_xarray_opens_the_view_dimension(tmp_path: Path) -> None:
    store, arrays = make_store(tmp_path)
    dataset = xr.open_zarr(ZipStore(store.file("7")), consolidated=False)
    assert dataset["embedding"].dims == ("view", "frame", "feature")
    assert dataset["time"].dims == dataset["valid"].dims == ("frame",)
    assert dataset.attrs == {"trial": "7", "backbone": "ir50", "views": list(VIEWS)}
    place = dataset.attrs["views"].index("top_left")
    np.testing.assert_array_equal(dataset["embedding"][place], arrays["top_left"])


def test_the_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_store(tmp_path / name)
    first = content(tmp_path / "a" / "ir50.zarr")
    assert len(first) == 1 + 1
    assert first == content(tmp_path / "b" / "ir50.zarr")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path)
    file = store.file("7")
    data = bytearray(file.read_bytes())
    file.unlink()
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        store.read("7")
    file.unlink()
    with pytest.raises(InputError, match="damaged"):
        store.read("7")


def test_views_that_are_not_there_or_do_not_fit_are_named(tmp_path: Path) -> None:
    task, _ = parts(tmp_path)
    with pytest.raises(ValueError, match="no features of the views centre_flipped"):
        join_views(ViewJoin((task.parts[0], ("centre_flipped", None))), tmp_path / "joined")
    (tmp_path / "short").mkdir()
    other, _ = parts(tmp_path / "short", frames=29, views=("top_left",))
    with pytest.raises(ValueError, match=r"centre \(30, 8\), top_left \(29, 8\)"):
        join_views(ViewJoin((task.parts[0], other.parts[0])), tmp_path / "joined")
