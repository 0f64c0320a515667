import json
import shutil
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import ZipStore

from pipeline.features.store import SCHEMA_VERSION, FeatureStore, assemble_store, write_trial
from pipeline.features.trial_file import CHUNK_FRAMES, FILE
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import sha256_file

ATTRIBUTES = {"backbone": "ir50", "modality": "visual", "dimension": 8, "weights": {"name": "random", "seed": 0}}


def trial(frames: int = 30, width: int = 8, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {
        "embedding": random.normal(size=(frames, width)).astype(np.float32),
        "time": np.cumsum(random.uniform(0.01, 0.1, frames)),
        "valid": random.uniform(size=frames) < 0.8,
    }


def write(directory: Path, *, name: str = "7", store: Literal["float16", "float32"] = "float32", **arrays: Any) -> Path:
    write_trial(directory, store=store, attributes={"trial": name}, **(arrays or trial()))
    return directory


def make_store(folder: Path, names: Sequence[str] = ("7", "10-60-1280x720_right", "video2")) -> Path:
    items = {name: write(folder / f"item-{name}", name=name, **trial(seed=len(name))) for name in names}
    assemble_store(folder / "ir50.zarr", items, attributes=ATTRIBUTES)
    return folder / "ir50.zarr"


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@settings(max_examples=15)
@given(
    frames=st.integers(1, 2 * CHUNK_FRAMES + 3), width=st.integers(1, 5), store=st.sampled_from(["float16", "float32"])
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, frames: int, width: int, store: Literal["float16", "float32"]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    arrays = trial(frames, width)
    assemble_store(folder / "x.zarr", {"7": write(folder / "item", store=store, **arrays)}, attributes={})
    features = FeatureStore.open(folder / "x.zarr").read("7")
    assert features.embedding.dtype == store
    np.testing.assert_array_equal(features.embedding, arrays["embedding"].astype(store))
    np.testing.assert_array_equal(features.time, arrays["time"])
    np.testing.assert_array_equal(features.valid, arrays["valid"])


@pytest.mark.parametrize("frames", [1, 1000, 1001, 3937])
def test_a_trial_is_one_file_with_little_padding(tmp_path: Path, frames: int) -> None:
    item = write(tmp_path / "item", store="float16", **trial(frames, 512))
    (file,) = item.iterdir()
    with zipfile.ZipFile(file) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    chunks = -(-frames // CHUNK_FRAMES)
    assert sum(size for name, size in sizes.items() if name.startswith("embedding/c/")) < (frames + chunks) * 512 * 2
    assert max(size for name, size in sizes.items() if name.startswith("embedding/c/")) <= CHUNK_FRAMES * 512 * 2
    assert len([name for name in sizes if name.startswith("time/c/")]) == chunks
    assert file.stat().st_size < sum(sizes.values()) + 200 * len(sizes) + 100


def test_chunks_of_zeros_are_written(tmp_path: Path) -> None:
    arrays = trial(2500) | {"embedding": np.zeros((2500, 8), dtype=np.float32), "valid": np.zeros(2500, dtype=np.bool_)}
    item = write(tmp_path / "item", **arrays)
    with zipfile.ZipFile(item / FILE) as archive:
        chunks = [name for name in archive.namelist() if "/c/" in name]
    assert len(chunks) == 3 * 3


def test_a_store_of_many_trials_is_one_folder(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    assert sorted(child.name for child in path.iterdir()) == [
        "10-60-1280x720_right.zip",
        "7.zip",
        "video2.zip",
        "zarr.json",
    ]


def test_xarray_opens_a_trial_as_it_is(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    dataset = xr.open_zarr(ZipStore(path / "video2.zip"), consolidated=False)
    assert dict(dataset.sizes) == {"frame": 30, "feature": 8}
    assert dataset["embedding"].dims == ("frame", "feature")
    assert dataset["time"].dims == dataset["valid"].dims == ("frame",)
    np.testing.assert_array_equal(dataset["embedding"], FeatureStore.open(path).read("video2").embedding)


def test_the_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    stores = []
    for folder, names in ((tmp_path / "a", ("7", "video2")), (tmp_path / "b", ("video2", "7"))):
        folder.mkdir()
        stores.append(content(make_store(folder, names)))
    assert len(stores[0]) == 1 + 2
    assert stores[0] == stores[1]


def test_attributes_and_fingerprint(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    first = FeatureStore.open(path).attributes
    assert first == {
        "schema_version": SCHEMA_VERSION,
        **ATTRIBUTES,
        "trials": {trial: FeatureStore.open(path).digest(trial) for trial in FeatureStore.open(path).trials},
        "fingerprint": first["fingerprint"],
    }
    assert len(first["fingerprint"]) == 64
    make_store(tmp_path, ("7", "video2"))
    fewer = FeatureStore.open(path).attributes["fingerprint"]
    assemble_store(path, {"8": tmp_path / "item-7", "video2": tmp_path / "item-video2"}, attributes=ATTRIBUTES)
    renamed = FeatureStore.open(path).attributes["fingerprint"]
    assert len({first["fingerprint"], fewer, renamed}) == 3


def test_a_store_is_replaced_as_a_whole_and_links_its_items(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    make_store(tmp_path, ("video2",))
    assert FeatureStore.open(path).trials == ("video2",)
    assert sorted(child.name for child in tmp_path.iterdir() if child.name.startswith(".")) == []
    assert (path / "video2.zip").read_bytes() == (tmp_path / "item-video2" / FILE).read_bytes()


def test_a_failed_assembly_leaves_the_old_store(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    before = content(path)
    with pytest.raises(FileNotFoundError):
        assemble_store(path, {"7": tmp_path / "item-7", "x": tmp_path / "absent"}, attributes={})
    assert content(path) == before
    assert [child.name for child in tmp_path.iterdir() if child.name.startswith(".")] == []


def test_read_only_stores_are_read(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    for file in path.rglob("*"):
        file.chmod(file.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        before = content(path)
        assert FeatureStore.open(path).read("7").embedding.shape == (30, 8)
        assert content(path) == before
    finally:
        for file in path.rglob("*"):
            file.chmod(file.stat().st_mode | stat.S_IWUSR)


def test_the_trials_are_compared_with_those_expected(tmp_path: Path) -> None:
    store = FeatureStore.open(make_store(tmp_path))
    assert store.trials == ("10-60-1280x720_right", "7", "video2")
    store.check(["video2", "7", "10-60-1280x720_right"])
    with pytest.raises(InputError) as error:
        store.check(["7", "8", "9"])
    told = {(problem.trial, problem.message) for problem in error.value.problems}
    assert told == {
        ("8", "no features"),
        ("9", "no features"),
        ("10-60-1280x720_right", "features without a clip"),
        ("video2", "features without a clip"),
    }
    assert all("dvc repro" in str(problem.remedy) for problem in error.value.problems)


def test_a_trial_that_is_not_there_is_never_zeros(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="trial 8: no features"):
        FeatureStore.open(make_store(tmp_path)).read("8")


@pytest.mark.parametrize("part", ["embedding/c/0/0", "time/c/0", "valid/c/0", "valid/zarr.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "remove", "lost entry"])
def test_a_damaged_file_is_named_with_its_trial(tmp_path: Path, part: str, damage: str) -> None:
    path = make_store(tmp_path)
    file = path / "video2.zip"
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        entries = {entry: archive.read(entry) for entry in archive.infolist()}
        start = archive.getinfo(part).header_offset
    file.unlink()
    data[start + 40 + len(part)] ^= 4
    if damage in ("cut", "empty", "flip"):
        file.write_bytes(data[: {"cut": start + 20, "empty": 0}.get(damage)])
    elif damage == "lost entry":
        with zipfile.ZipFile(file, "w") as archive:
            for entry, content in entries.items():
                if entry.filename != part:
                    archive.writestr(entry, content)
    store = FeatureStore.open(path)
    assert store.read("7").embedding.shape == (30, 8)
    readers = [store.read, store.read_valid] if part.startswith("valid") else [store.read]
    for read in readers:
        with pytest.raises(InputError) as error:
            read("video2")
        (problem,) = error.value.problems
        assert problem.trial == "video2"
        assert str(problem.file).endswith("ir50.zarr/video2.zip")
        assert "dvc repro" in str(problem.remedy)


def test_a_trial_that_is_whole_but_not_the_one_of_the_store_is_refused(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    known = FeatureStore.open(path).digest("7")
    arrays = trial() | {"embedding": trial()["embedding"] + 1}
    write(tmp_path / "other", **arrays)
    (tmp_path / "other" / FILE).replace(path / "7.zip")
    store = FeatureStore.open(path)
    assert store.digest("7") == known
    with pytest.raises(InputError, match=r"trial 7: .*damaged: it is not what the store's attributes say -> run"):
        store.read("7")


def test_digests_are_those_of_the_items_checksums(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    before = content(path)
    items = {trial: tmp_path / f"item-{trial}" for trial in FeatureStore.open(path).trials}
    checksums = {
        trial: {file.relative_to(item).as_posix(): sha256_file(file) for file in item.rglob("*") if file.is_file()}
        for trial, item in items.items()
    }
    assemble_store(path, items, attributes=ATTRIBUTES, checksums=checksums)
    assert content(path) == before


def test_what_is_no_store_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    for name in ("absent.zarr", "empty.zarr"):
        with pytest.raises(InputError, match=rf"{name}: no feature store here -> run `dvc repro`"):
            FeatureStore.open(tmp_path / name)


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["attributes"]["schema_version"] = 99
    (path / "zarr.json").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match=f"schema version 99, expected {SCHEMA_VERSION}"):
        FeatureStore.open(path)


def test_arrays_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    good = trial()
    for name, bad in (
        ("time", good["time"][:-1]),
        ("valid", good["valid"][1:]),
        ("embedding", good["embedding"][:, 0]),
    ):
        with pytest.raises(ValueError, match="not of one number of frames"):
            write(tmp_path / "item", **(good | {name: bad}))
    with pytest.raises(ValueError, match="not of one number of frames"):
        write(tmp_path / "item", **{name: array[:0] for name, array in good.items()})


@pytest.mark.parametrize(("value", "store"), [(np.nan, "float32"), (np.inf, "float16"), (70000.0, "float16")])
def test_what_is_not_finite_is_refused(tmp_path: Path, value: float, store: Literal["float16", "float32"]) -> None:
    arrays = trial()
    arrays["embedding"][4, 2] = value
    with pytest.raises(ValueError, match=f"frame 4 is not finite as {store}"):
        write(tmp_path / "item", store=store, **arrays)
    shutil.rmtree(tmp_path / "item", ignore_errors=True)
