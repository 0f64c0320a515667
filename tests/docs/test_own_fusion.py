"""docs/own_fusion.md, followed word for word."""

import re

import pytest

from tests.dag.scratch import Scratch
from tests.docs.pages import follow

PAGE = "docs/own_fusion.md"


@pytest.mark.slow
def test_a_fusion_system_is_added_as_the_page_says(clone: Scratch) -> None:
    before = clone.outs()
    steps = follow(PAGE, clone)

    _, run = next(steps)
    assert "train@product" in run.text
    assert run.ran == {"train@product", "evaluate@product", "report"}
    after = clone.outs()
    kept = {path for path in before if not path.startswith("reports/")}
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert b"product" in after["reports/ccc.md"]
    assert [path for path in after if path.startswith("predictions/product/")]

    _, run = next(steps)
    numbers = run.text.strip().strip("[]")
    page = (clone.root / PAGE).read_text()
    (written,) = re.findall(r'^\+    "product": \[(.+)\],$', page, flags=re.MULTILINE)
    assert [float(one) for one in numbers.split(", ")] == pytest.approx([float(one) for one in written.split(", ")])

    _, run = next(steps)
    passed = run.text.splitlines()[-1]
    assert " passed" in passed
    assert "failed" not in passed
    assert int(passed.split(" passed")[0].split()[-1]) > 15
    assert next(steps, None) is None

    # "From now on an edit to the file trains this model again, and no other."
    clone.edit("pipeline/fusion/product.py", "prod(dim=0)", "sum(dim=0)")
    run = clone.affectflow("run")
    assert run.ran == {"train@product", "evaluate@product", "report"}
    assert run.computed["train product"] == 2
