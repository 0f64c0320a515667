"""The picture of the DAG shows the stages of dvc.yaml, and every arrow is a dependency there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.dag_picture import ARROWS, BOXES, TARGET

ROOT = Path(__file__).parents[2]
DAG: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def stage(name: str) -> str:
    return name.partition("@")[0]


def paths(name: str, *kinds: str) -> set[str]:
    """Return a stage's dependencies or results, with every template as `*`."""
    body = DAG[name].get("do", DAG[name])
    entries = [entry for kind in kinds for entry in body.get(kind, ())]
    names = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
    return {re.sub(r"\$\{[^}]*\}", "*", path) for path in names}


def test_every_stage_has_a_box() -> None:
    assert {stage(name) for name, *_ in BOXES} == set(DAG) | {"index"}
    assert {name for name, *_, optional in BOXES if optional} == {"finetune@<model>", "ensemble@<name>"}


@pytest.mark.parametrize(("start", "end"), [arrow for arrow in ARROWS if arrow[0] != "index"])
def test_every_arrow_is_a_dependency(start: str, end: str) -> None:
    written = paths(stage(start), "outs", "metrics", "plots")
    read = paths(stage(end), "deps")
    # A dependency is a result, a file in it, or the folder that holds it; `*` stands for any name.
    assert any(
        re.fullmatch(re.escape(out).replace(r"\*", "[^/]*") + "(/.*)?", dep.replace("*", "x"))
        or out.startswith(f"{dep}/")
        for out in written
        for dep in read
    )


def test_the_picture_is_there() -> None:
    picture = (ROOT / TARGET).read_text()
    assert picture.count('id="patch_') > len(BOXES)
