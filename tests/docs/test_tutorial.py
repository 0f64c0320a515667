"""docs/tutorial.md, followed on a miniature of the demo."""

import pytest

from tests.dag.scratch import Scratch
from tests.docs.pages import follow

PAGE = "docs/tutorial.md"


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(scratch: Scratch) -> None:
    before = scratch.outs()
    steps = follow(PAGE, scratch, without=["minutes"])
    changed = {"train@grjca", "evaluate@grjca", "report"}

    _, run = next(steps)
    assert "all results are up to date" in run.text
    _, run = next(steps)
    assert "grjca" in run.text
    assert list((scratch.root / "predictions_csv").rglob("*.csv"))

    # Three iterations.
    _, run = next(steps)
    assert "train@grjca" in run.text.split("Running stage")[0]
    assert run.ran == changed
    assert run.computed["train grjca"] == 2
    assert "metrics/train/grjca.json" in run.text.replace("\\", "/")
    _, run = next(steps)
    assert run.ran == run.restored == set()

    # Back again.
    _, run = next(steps)
    assert run.ran == set()
    assert run.restored == changed
    assert scratch.outs() == before

    _, run = next(steps)
    assert run.ran == changed
    assert "four" in run.text
    assert scratch.outs() == before
    assert next(steps, None) is None
