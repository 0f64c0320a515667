"""An ensemble is a stage of its own, which runs again when one of its members has changed, and only then."""

import json

import pytest

from tests.dag.scratch import Scratch

pytestmark = pytest.mark.slow

ENCODERS = {"visual": {"channels": [8]}, "audio": {"channels": [8]}}
OTHER = {"fusion": "concatenation", "streams": ["ir50", "vggish"], "temporal": "tcn", "encoders": ENCODERS}


def test_an_ensemble_follows_its_members_alone(scratch: Scratch) -> None:
    before = scratch.outs()
    scratch.params("ensembles", {"both": {"models": ["grjca", "visual"]}})
    run = scratch.repro()
    assert run.ran == {"ensemble@both", "report"}
    after = scratch.outs()
    assert {path.partition("/both")[0] for path in after.keys() - before.keys()} == {"metrics/evaluate", "predictions"}
    assert all(after[path] == before[path] for path in before if not path.startswith("reports/"))
    lines = json.loads(after["reports/ccc.json"])["lines"]
    assert list(dict.fromkeys(line["model"] for line in lines)) == ["visual", "grjca", "both"]
    assert scratch.repro().ran == set()
    assert "belongs to no model" not in scratch.affectflow("status").text

    scratch.params("models.concatenation", OTHER)
    assert scratch.repro().ran == {"train@concatenation", "evaluate@concatenation", "report"}
    scratch.params("models.grjca.options.iterations", 2)
    assert scratch.repro().ran == {"train@grjca", "evaluate@grjca", "ensemble@both", "report"}
    scratch.params("ensembles.both.models", ["grjca", "concatenation", "visual"])
    scratch.params("ensembles.both.combine", "ccc_centred")
    assert scratch.repro().ran == {"ensemble@both", "report"}
    metrics = json.loads(scratch.outs()["metrics/evaluate/both.json"])
    assert list(metrics["members"]) == ["grjca", "concatenation", "visual"]
    assert scratch.dvc("status").text.strip() == "Data and pipelines are up to date."

    scratch.params("ensembles", {})
    run = scratch.repro()
    assert run.ran | run.restored == {"report"}
    assert "predictions/both: belongs to no model" in scratch.affectflow("status").text
