"""What DVC and `affectflow status` show of the results."""

import json

import pytest

from tests.dag.scratch import Scratch

pytestmark = pytest.mark.slow


def test_metrics_are_shown(scratch: Scratch) -> None:
    shown = json.loads(scratch.dvc("metrics", "show", "--json").text)
    files = next(iter(shown.values()))["data"]
    models = ("grjca", "visual")
    scores = {f"metrics/{kind}/{model}.json" for kind in ("train", "evaluate") for model in models}
    assert set(files) == scores | {"reports/ccc.json"}
    columns = {name.strip() for name in scratch.dvc("metrics", "show", "--md").text.splitlines()[0].split("|")}
    assert {"Path", "P"} <= columns
    assert not {"lines", "notes", "differences"} & columns, "the table of results adds no column"


def test_plots_are_drawn_by_fold(scratch: Scratch) -> None:
    plots = json.loads(scratch.dvc("plots", "show", "--json").text)["data"]
    drawn = {
        (name.split("::")[-1], plot["content"]["encoding"]["y"]["field"]): plot["content"]
        for name, entries in plots.items()
        for plot in entries
    }
    models = ("grjca", "visual")
    assert set(drawn) == {(f"plots/train/{model}.csv", y) for model in models for y in ("p", "train_loss")}
    for content in drawn.values():
        assert content["encoding"]["color"]["field"] == "fold"
        assert {row["fold"] for row in content["data"]["values"]} == {"0", "1"}


def test_status_in_plain_words(scratch: Scratch) -> None:
    text = scratch.affectflow("status").text
    assert "index: the index matches the corpus" in text
    assert "stages: all results are up to date" in text
    scratch.params("models.grjca.options.iterations", 2)
    text = scratch.affectflow("status").text
    assert "parameter models.grjca.options.iterations: 1 -> 2" in text
    assert "2 of 2 items" in text
    assert "stages: run `affectflow run`" in text
