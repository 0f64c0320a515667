"""Keys that DVC asks for by name, which the schema alone would let one leave out."""

import shutil
from pathlib import Path

import pytest

from pipeline.cli.corpus import missing_keys
from pipeline.runtime.section import read_yaml

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))]


@pytest.fixture(autouse=True)
def dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_files_of_the_repository_have_all(path: Path) -> None:
    assert missing_keys(read_yaml(path)) == []


@pytest.mark.parametrize("key", ["clips", "ensembles", "compute.numerics", "corpus.sample", "finetune.models"])
def test_what_is_left_out_is_named(key: str) -> None:
    params = read_yaml(ROOT / "params.yaml")
    *sections, last = key.split(".")
    place = params
    for section in sections:
        place = place[section]
    del place[last]
    assert missing_keys(params) == [key]


def test_without_a_graph_nothing_is_asked_for() -> None:
    Path("dvc.yaml").unlink()
    assert missing_keys({}) == []
