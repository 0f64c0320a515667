"""The comparison with the results on record."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.cli.record import Difference, compare, explain, first_difference


def entry(outs: dict[str, str], deps: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """Return a stage of a lock."""
    return {
        "cmd": "run",
        "deps": [{"path": path, "md5": md5} for path, md5 in (deps or {}).items()],
        "outs": [{"path": path, "md5": md5} for path, md5 in outs.items()],
        **more,
    }


def lock(*, clips: str = "1", store: str = "2", model: str = "3", code: str = "c", params: int = 1) -> dict[str, Any]:
    """Return three stages in a row, listed the other way round."""
    return {
        "train": entry({"models/a": model}, {"data/features/x.zarr": store}),
        "extract": entry(
            {"data/features/x.zarr": store},
            {"data/clips": clips, "pipeline/backbones/x": code},
            params={"params.yaml": {"batch": params}},
        ),
        "clips": entry({"data/clips": clips}, {"index.csv": "i"}),
    }


def test_equal_locks_have_no_difference() -> None:
    assert first_difference(lock(), lock()) is None


def test_the_first_stage_in_the_order_of_work_is_named() -> None:
    assert first_difference(lock(), lock(store="x", model="y")) == Difference("extract", ("data/features/x.zarr",))
    assert first_difference(lock(), lock(clips="x", store="x", model="y")) == Difference("clips", ("data/clips",))
    assert first_difference(lock(), lock(model="y")) == Difference("train", ("models/a",))


@pytest.mark.parametrize("changed", [{"code": "d"}, {"params": 2}])
def test_a_stage_whose_code_or_parameters_changed_is_not_compared(changed: dict[str, Any]) -> None:
    assert first_difference(lock(), lock(store="x", **changed)) is None


def test_stages_that_only_one_lock_has_are_not_compared() -> None:
    assert first_difference({}, lock()) is None
    assert first_difference(lock(), {"new": entry({"new": "1"})}) is None


def test_a_clone_is_compared_with_its_last_commit(tmp_path: Path) -> None:
    def write(stages: dict[str, Any]) -> None:
        with (tmp_path / "dvc.lock").open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump({"schema": "2.0", "stages": stages}, file)

    def git(*arguments: str) -> None:
        names = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", str(tmp_path), *names, *arguments], check=True, capture_output=True)

    git("init")
    assert compare(tmp_path) is None, "there is no record yet"
    write(lock())
    git("add", ".")
    git("commit", "-m", "lock")
    assert compare(tmp_path) is None
    write(lock(store="x"))
    assert compare(tmp_path) == Difference("extract", ("data/features/x.zarr",))


def test_the_record_of_processors_gives_the_reason(tmp_path: Path) -> None:
    (tmp_path / "data/demo").mkdir(parents=True)
    (tmp_path / "data/demo/processors.csv").write_text(
        "processor,result,note\nOld One,differs,its roots are approximate\nNew One,same,\n", encoding="utf-8"
    )
    difference = Difference("clips", ("data/clips",))
    known = explain(difference, root=tmp_path, processor="Old One")
    assert known.startswith("clips gives other bytes than on record (data/clips)")
    assert known.endswith("its roots are approximate")
    for name in ("New One", "Another"):
        assert "knows no reason for this processor" in explain(difference, root=tmp_path, processor=name)
