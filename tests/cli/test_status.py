"""`affectflow status`: which stages would run, and what they have to compute."""

import json
from pathlib import Path

import pytest

from pipeline.cli.jobs import stages_before
from pipeline.cli.status import Stale, count_items, differences
from pipeline.config import load
from stages import clips
from tests.cli.calling import Call
from tests.stages.project import start_project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return start_project(tmp_path, monkeypatch)


def test_a_stage_says_how_many_of_its_items_are_missing(project: Path) -> None:
    found = count_items("clips")
    assert (found["items"], found["missing"], found["seconds"]) == (8, 8, None)
    assert not Path("data/clips").exists()
    clips.main()
    assert (count_items("clips")["items"], count_items("clips")["missing"]) == (8, 0)
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("face_size: 40", "face_size: 41"))
    found = count_items("clips")
    assert found["missing"] == 8
    assert found["seconds"] > 0
    assert count_items("train@visual") == {}, "its inputs are not there yet"


def test_stages_are_listed_with_what_comes_before_them(
    affectflow: Call, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {
        "clips": [{"changed deps": {"index.csv": "modified"}}],
        "train@visual": [{"changed outs": {"models/visual": "deleted"}}],
        "data/demo/dvc.yaml:demo": ["changed command"],
    }
    graph = {"clips": frozenset[str](), "folds": frozenset({"clips"}), "train@visual": frozenset({"folds"})}
    monkeypatch.setattr("pipeline.cli.status.dvc_status", lambda: answer)
    monkeypatch.setattr("pipeline.cli.jobs.read_graph", lambda *_: graph)
    said = json.loads(affectflow("status", "--json").out)
    assert said["index"] == "the index matches the corpus"
    first, second = said["stages"]
    assert (first["stage"], first["missing"], first["after"]) == ("clips", 8, [])
    assert (second["stage"], second["missing"], second["after"]) == ("train@visual", None, ["clips"])
    out = affectflow("status").out
    assert "8 of 8 items, time unknown" in out
    assert "after clips" in out
    assert "demo" not in out
    assert load("params.yaml").corpus.root == "corpus"


def test_the_stages_before_one() -> None:
    graph = {"a": frozenset[str](), "b": frozenset({"a"}), "c": frozenset({"b"}), "d": frozenset({"a"})}
    assert stages_before(graph, "c") == {"a", "b"}
    assert stages_before(graph, "a") == set()


def test_the_work_of_a_stage_in_words() -> None:
    assert Stale("clips", (), items=8, missing=0).work() == "nothing to compute"
    assert Stale("clips", (), items=8, missing=2, seconds=600).work() == "2 of 8 items, about 10 min"
    assert Stale("report", ()).work() == ""


def test_differences_name_each_value() -> None:
    old = {"models": {"a": {"fusion": "x"}, "gone": 1}, "same": [1]}
    new = {"models": {"a": {"fusion": "y"}, "new": "text" * 30}, "same": [1]}
    found = list(differences("p", old, new))
    assert found[:2] == [("p.models.a.fusion", '"x"', '"y"'), ("p.models.gone", "1", "(not set)")]
    assert found[2][:2] == ("p.models.new", "(not set)")
    assert len(found[2][2]) == 60
