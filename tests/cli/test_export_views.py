"""Exporting features in several views."""

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.cli.export_files import export_features
from pipeline.features.store import FeatureStore, assemble_store, write_trial
from pipeline.features.views import ViewJoin, join_views

VIEWS = ("centre", "top_left_flipped")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for view in VIEWS:
        write_trial(
            tmp_path / view,
            embedding=random.normal(size=(5, 3)),
            time=np.arange(5) / 25,
            valid=np.arange(5) != 2,
            store="float16",
            attributes={},
        )
    join_views(ViewJoin(tuple((view, tmp_path / view) for view in VIEWS)), tmp_path / "t1")
    assemble_store(tmp_path / "ir50.zarr", {"t1": tmp_path / "t1"}, attributes={"views": list(VIEWS)})
    return tmp_path / "ir50.zarr"


def test_one_file_names_the_views(store: Path, tmp_path: Path) -> None:
    assert export_features({"ir50": store}, tmp_path / "out.h5", format="hdf5") == 1
    with h5py.File(tmp_path / "out.h5") as file:
        group = file["ir50/t1"]
        assert [name.decode() for name in group["views"][:]] == list(VIEWS)
        np.testing.assert_array_equal(group["embedding"], FeatureStore.open(store).read("t1").embedding)


def test_tables_have_a_row_for_every_view_and_frame(store: Path, tmp_path: Path) -> None:
    export_features({"ir50": store}, tmp_path / "out", format="csv")
    with (tmp_path / "out" / "ir50" / "t1.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["view", "time", "valid", "f0", "f1", "f2"]
    assert [row["view"] for row in rows] == [view for view in VIEWS for _ in range(5)]
    table = np.array([[row["f0"], row["f1"], row["f2"]] for row in rows], dtype=np.float16).reshape(2, 5, 3)
    np.testing.assert_array_equal(table, FeatureStore.open(store).read("t1").embedding)
    assert [row["valid"] for row in rows] == ["1", "1", "0", "1", "1"] * 2
