"""Several people, one remote: the commands of docs/teams.md, run as they stand there."""

import shutil
from pathlib import Path

import pytest

from tests.dag.scratch import Run, Scratch
from tests.docs.pages import blocks
from tests.teams.team import PAGE, Team, at, commands

pytestmark = pytest.mark.slow


def test_every_block_has_somebody_who_runs_it() -> None:
    counts = {who: len(scripts) for who, scripts in commands().items()}
    once = ("colleague", "hook", "node", "owner", "remote", "s3", "shared")
    assert counts == dict.fromkeys(once, 1) | {"member": 2, "queue": 2, "experiment": 3}
    assert [block.title for block in blocks(PAGE) if block.language not in ("console", "yaml")] == [
        ".git/hooks/pre-push"
    ]


def test_a_team_shares_results(owner: Scratch, colleague: tuple[Scratch, Run], team: Team) -> None:
    theirs, run = colleague
    assert "up to date" in run.text
    assert run.ran == run.restored == set()
    assert theirs.outs() == owner.outs()
    assert theirs.git("status", "--short").text == ""

    # The machine with the GPU.
    owner.params("backbones.vggish.seed", 1)
    run = team.act("node", owner)
    assert run.ran == {"extract@vggish"}
    run = team.act("member", theirs)
    assert run.ran == {"train@grjca"}
    assert run.computed == {"train grjca": 2}
    assert theirs.outs()["models/grjca/fold0.safetensors"] != owner.outs()["models/grjca/fold0.safetensors"]


def test_pulled_results_stand_in_for_an_empty_item_cache(colleague: tuple[Scratch, Run]) -> None:
    """A colleague edits code that computes nothing new: every item comes from what was pulled."""
    theirs, _ = colleague
    before = theirs.outs()
    for file in ("pipeline/ingest/build.py", "pipeline/backbones/common/embed.py", "pipeline/training/fold.py"):
        theirs.edit(file, '"""\n', '"""\n# A thought.\n')
    run = theirs.repro()
    assert {"clips", "extract@ir50", "extract@vggish", "train@grjca", "train@visual"} <= run.ran
    assert set(run.computed.values()) == {0}
    assert theirs.outs() == before


def test_experiments_are_run_and_shared(owner: Scratch, colleague: tuple[Scratch, Run], team: Team) -> None:
    before = owner.outs()
    stages = {"train@grjca", "evaluate@grjca", "report"}
    first = team.act("experiment", owner)
    assert first.ran == stages
    assert first.computed["train grjca"] == 2
    assert "three-iterations" in first.text
    assert owner.outs() == before
    second = team.act("experiment", owner, 1)
    assert second.ran == stages, "a copy of the repository finds everything else"
    assert not {"clips", "extract ir50", "train visual"} & set(second.computed)
    assert owner.outs() == before, "the workspace stays as it was"
    team.act("experiment", owner, 2)

    theirs, _ = colleague
    run = team.act("member", theirs, 1)
    assert run.ran == run.restored == set()
    references = owner.git("for-each-ref", "--format=%(refname)", "refs/exps").text.split()
    shared = [reference for reference in references if reference.endswith("/two-iterations")]
    assert len(shared) == 1
    metrics = "metrics/train/grjca.json"
    assert theirs.outs()[metrics].decode() == owner.git("show", f"{shared[0]}:{metrics}").text
    assert theirs.outs()[metrics] != before[metrics]


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_one_machine_shares_its_caches(scratch: Scratch, team: Team, tmp_path: Path, link: str) -> None:
    (tmp_path / "shared").mkdir()
    shutil.move(scratch.cache, tmp_path / "shared" / "items")
    shutil.move(scratch.root / ".dvc" / "cache", tmp_path / "shared" / "dvc")
    scratch.cache.mkdir()
    assert team.act("shared", scratch).ran == set()
    # The strictest kinds of links: results share their bytes with the cache, and cannot be written.
    scratch.dvc("config", "cache.type", link)
    scratch.dvc("checkout", "--relink")
    assert not (scratch.root / "data" / "folds.json").stat().st_mode & 0o222
    scratch.params("models.grjca.options.iterations", 2)
    scratch.edit("pipeline/ingest/build.py", '"""\n', '"""\n# A thought.\n')
    run = at(scratch.root, tmp_path / "shared" / "items").repro()
    assert run.ran == {"clips", "train@grjca", "evaluate@grjca", "report"}
    assert run.computed["clips"] == 0
    assert run.computed["train grjca"] == 2
    assert scratch.dvc("status").text.strip() == "Data and pipelines are up to date."
