"""Fine-tuning is a stage only for the models that params.yaml names, and its results stand beside all others."""

import json

import pytest

from tests.dag.scratch import STAGES, Scratch

pytestmark = pytest.mark.slow

BRIEF = {"models": {"visual": {}}, "epochs": 1, "windows": 2, "warm_up": "linear", "warm_up_epochs": 0}
CHANGES = ("metrics/evaluate", "metrics/train", "models", "plots/train", "predictions")


def test_a_tuned_model_is_one_more_stage_and_one_more_row(scratch: Scratch) -> None:
    before = scratch.outs()
    scratch.params("finetune", BRIEF)
    run = scratch.repro()
    assert run.ran == {"finetune@visual", "report"}
    assert run.computed["finetune visual"] == 2
    # Six held-out trials, each by its fold, and the one test trial by both.
    assert run.computed["predict visual fine-tuned"] == 6 + 2
    after = scratch.outs()
    fresh = after.keys() - before.keys()
    assert {path.partition("/visual-finetuned")[0] for path in fresh} == set(CHANGES)
    assert all(after[path] == before[path] for path in before if not path.startswith("reports/"))

    lines = json.loads(after["reports/ccc.json"])["lines"]
    assert list(dict.fromkeys(line["model"] for line in lines)) == ["visual", "visual-finetuned", "grjca"]
    assert b"visual-finetuned" in after["reports/index.html"]
    base, tuned = (json.loads(after[f"metrics/evaluate/{name}.json"]) for name in ("visual", "visual-finetuned"))
    for fold, scores in tuned["folds"].items():
        # Never worse than the start, whose features were stored as half-precision numbers.
        assert scores["P"] >= base["folds"][fold]["P"] - 0.01
    assert scratch.repro().ran == set()
    assert "belongs to no model" not in scratch.affectflow("status").text

    scratch.params("finetune", {"models": {}})
    run = scratch.repro()
    assert run.ran | run.restored == {"report"}
    assert "predictions/visual-finetuned: belongs to no model" in scratch.affectflow("status").text


def test_nothing_is_tuned_unless_it_is_asked_for(scratch: Scratch) -> None:
    assert not [stage for stage in STAGES if "finetune" in stage]
    assert "finetune" not in scratch.dvc("stage", "list", "--all").text
