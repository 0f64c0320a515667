"""`affectflow run --jobs` in a scratch repository: what it makes, and what a failing stage stops."""

from pathlib import Path

import pytest

from tests.dag.scratch import STAGES, create

pytestmark = pytest.mark.slow


def test_stages_side_by_side_make_what_a_plain_repro_makes(tmp_path: Path) -> None:
    scratch = create(tmp_path)
    run = scratch.affectflow("run", "--jobs", "3")
    assert f"{len(STAGES) + 1} of {len(STAGES) + 1} stages are done" in run.text
    assert "extract@ir50 | " in run.text
    assert "train@visual | " in run.text
    assert (scratch.root / "reports/index.html").is_file()
    again = scratch.repro()
    assert not again.ran
    assert not again.restored


def test_a_failing_stage_stops_its_dependants_alone(tmp_path: Path) -> None:
    scratch = create(tmp_path)
    scratch.edit(
        "stages/train.py", "def main() -> None:", "def main() -> None:\n    argument('x') == 'grjca' and 1 / 0"
    )
    run = scratch.affectflow("run", "--jobs", "2", ok=False)
    assert run.code == 1
    assert "failed: train@grjca\n" in run.text
    assert "not run, for they need one that failed: evaluate@grjca, report\n" in run.text
    assert (scratch.root / "predictions/visual").is_dir()
    assert not (scratch.root / "models/grjca").exists()
