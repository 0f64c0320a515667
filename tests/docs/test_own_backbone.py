"""docs/own_backbone.md, followed word for word."""

import re
import sys

import pytest

from tests.dag.scratch import Scratch
from tests.docs.pages import follow

PAGE = "docs/own_backbone.md"
TRAINED = """
from pipeline.backbones import small_face
from pipeline.backbones.common.weights import Weights

network = small_face.build(Weights(seed=5))
"""
"""Stands for the training that a reader has: a network with numbers in it."""


@pytest.mark.slow
def test_a_backbone_is_added_as_the_page_says(clone: Scratch) -> None:
    before = clone.outs()
    words: dict[str, str] = {}
    steps = follow(PAGE, clone, words=words)
    stages = {"extract@small_face", "train@small", "evaluate@small", "report"}

    _, run = next(steps)
    assert run.ran == stages
    after = clone.outs()
    kept = {path for path in before if not path.startswith("reports/")}
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}

    block, _ = next(steps)
    assert block.title == "at the end of a training"
    (clone.root / "data" / "weights").mkdir()
    clone(sys.executable, "-c", TRAINED + block.text)
    block, run = next(steps)
    assert block.commands == ["sha256sum data/weights/small_face.safetensors"]
    (words["CHECKSUM"],) = re.findall(r"\b[0-9a-f]{64}\b", run.text)

    _, run = next(steps)
    assert run.ran == stages
    store = "data/features/small_face.zarr/zarr.json"
    assert words["CHECKSUM"].encode() in clone.outs()[store]
    assert clone.outs()[store] != after[store]

    _, run = next(steps)
    passed = run.text.splitlines()[-1]
    assert " passed" in passed
    assert "failed" not in passed
    assert next(steps, None) is None
