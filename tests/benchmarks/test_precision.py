import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks import precision
from pipeline.features.store import assemble_store, write_trial

PARAMS = {
    "compute": {"numerics": "portable"},
    "backbones": {"ir50": {"weights": "random"}},
    "training": {"epochs": 3},
    "models": {"visual": {"fusion": "unimodal"}, "audio": {"fusion": "unimodal"}},
    "ensembles": {"both": {}},
}


def test_the_demo_must_have_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="clips is not there: run `make repro`"):
        precision.prepare(tmp_path / "out", tmp_path, precision="float32", models=["visual"], repeats=1)


def test_only_precision_numerics_and_models_differ_from_the_demo(tmp_path: Path) -> None:
    for name in precision.NEEDED:
        (tmp_path / "demo/data" / name).mkdir(parents=True)
    (tmp_path / "demo/params.yaml").write_text(yaml.safe_dump(PARAMS))
    out = tmp_path / "out"
    precision.prepare(out, tmp_path / "demo", precision="bfloat16", models=["audio"], repeats=2)
    read = yaml.safe_load((out / "params.yaml").read_text())
    assert read["backbones"] == {"ir50": {"weights": "random", "precision": "bfloat16"}}
    assert read["training"] == {"epochs": 3, "repeats": 2, "precision": "float32"}
    assert list(read["models"]) == ["audio"]
    assert read["compute"]["numerics"] == "native"
    assert (out / "data/clips").resolve() == tmp_path / "demo/data/clips"


def test_folds_are_compared_one_by_one(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in precision.PRECISIONS]
    for folder, first, second in zip(folders, (0.5, 0.6), (0.7, 0.5), strict=True):
        (folder / "metrics/evaluate").mkdir(parents=True)
        mean = (first + second) / 2
        sides = {"valence": {"ccc": mean}, "arousal": {"ccc": mean}}
        figures = {"P": mean, **sides, "folds": {"0": {"P": first}, "1": {"P": second}}}
        (folder / "metrics/evaluate/a.json").write_text(json.dumps(figures))
    row = precision.compare(folders, "a")
    assert row[-4:] == ["0.600", "0.550", "-0.050", "-0.200 to +0.100"]


def test_the_lowest_cosine_is_found_with_and_without_the_mean(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    plain = random.normal(size=(50, 8)) + 5
    folders = [tmp_path / name for name in precision.PRECISIONS]
    for folder, embedding in zip(folders, (plain, plain + random.normal(size=plain.shape) / 10), strict=True):
        item = folder / "item"
        valid = np.ones(50, dtype=np.bool_)
        write_trial(item, embedding=embedding, time=np.arange(50.0), valid=valid, store="float32", attributes={})
        (folder / "data/features").mkdir(parents=True)
        assemble_store(folder / "data/features/a.zarr", {"one": item}, attributes={})
    whole, centred = precision.cosines(folders, "a")
    assert 0.99 < whole < 0.99999
    assert 0.8 < centred < whole
