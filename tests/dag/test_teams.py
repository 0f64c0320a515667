"""Several people, one remote: the commands of docs/teams.md, run as they stand there."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dag.scratch import ROOT, Run, Scratch

pytestmark = pytest.mark.slow

DOCUMENT = ROOT / "docs" / "teams.md"


def blocks() -> dict[str, list[str]]:
    """Return the document's commands by who runs them."""
    found: dict[str, list[str]] = {}
    for who, commands in re.findall(
        r"^```bash (\w+)\n(.*?)^```$", DOCUMENT.read_text(), flags=re.MULTILINE | re.DOTALL
    ):
        found.setdefault(who, []).append(commands)
    return found


Act = Callable[..., Run]


@pytest.fixture
def act(tmp_path: Path) -> Act:
    """Run somebody's nth block in a folder, with that person's own item cache."""
    values = f"REMOTE={tmp_path}/remote REPOSITORY={tmp_path}/origin.git SHARED={tmp_path}/shared"

    def run(who: str, place: Scratch, nth: int = 0) -> Run:
        return place("bash", "-c", f"export {values}\nset -euo pipefail\n{blocks()[who][nth]}")

    return run


def at(folder: Path, cache: Path | None = None) -> Scratch:
    cache = cache or folder.with_name(f"{folder.name}-cache")
    for path in (folder, cache):
        path.mkdir(exist_ok=True)
    return Scratch(folder, cache)


@pytest.fixture
def owner(scratch: Scratch, act: Act, tmp_path: Path) -> Scratch:
    """The one who has results, after pushing them."""
    scratch.git("clone", "--quiet", "--bare", str(scratch.root), str(tmp_path / "origin.git"))
    scratch.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    scratch.git("push", "--quiet", "--set-upstream", "origin", "main")
    act("owner", scratch)
    return scratch


@pytest.fixture
def colleague(owner: Scratch, act: Act, tmp_path: Path) -> tuple[Scratch, Run]:
    """A newcomer's clone, and what happened there."""
    run = act("colleague", at(tmp_path / "colleague"))
    return Scratch(tmp_path / "colleague" / "affectflow", tmp_path / "colleague-cache"), run


def test_every_block_has_somebody_who_runs_it() -> None:
    counts = {who: len(commands) for who, commands in blocks().items()}
    assert counts == {"owner": 1, "colleague": 1, "node": 1, "member": 2, "experiment": 3, "shared": 1}
    assert sum(counts.values()) == len(re.findall("```bash", DOCUMENT.read_text()))


def test_a_team_shares_results(owner: Scratch, colleague: tuple[Scratch, Run], act: Act) -> None:
    theirs, run = colleague
    assert "up to date" in run.text
    assert run.ran == run.restored == set()
    assert theirs.outs() == owner.outs()
    assert theirs.git("status", "--short").text == ""

    # The machine with the GPU.
    owner.params("backbones.vggish.seed", 1)
    run = act("node", owner)
    assert run.ran == {"extract@vggish"}
    run = act("member", theirs)
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


def test_experiments_are_run_and_shared(owner: Scratch, colleague: tuple[Scratch, Run], act: Act) -> None:
    before = owner.outs()
    stages = {"train@grjca", "evaluate@grjca", "report"}
    first = act("experiment", owner)
    assert first.ran == stages
    assert first.computed["train grjca"] == 2
    assert "three-iterations" in first.text
    assert owner.outs() == before
    second = act("experiment", owner, 1)
    assert second.ran == stages, "a copy of the repository finds everything else"
    assert not {"clips", "extract ir50", "train visual"} & set(second.computed)
    assert owner.outs() == before, "the workspace stays as it was"
    act("experiment", owner, 2)

    theirs, _ = colleague
    run = act("member", theirs, 1)
    assert run.ran == run.restored == set()
    references = owner.git("for-each-ref", "--format=%(refname)", "refs/exps").text.split()
    shared = [reference for reference in references if reference.endswith("/two-iterations")]
    assert len(shared) == 1
    metrics = "metrics/train/grjca.json"
    assert theirs.outs()[metrics].decode() == owner.git("show", f"{shared[0]}:{metrics}").text
    assert theirs.outs()[metrics] != before[metrics]


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_one_machine_shares_its_caches(scratch: Scratch, act: Act, tmp_path: Path, link: str) -> None:
    (tmp_path / "shared").mkdir()
    shutil.move(scratch.cache, tmp_path / "shared" / "items")
    shutil.move(scratch.root / ".dvc" / "cache", tmp_path / "shared" / "dvc")
    scratch.cache.mkdir()
    assert act("shared", scratch).ran == set()
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
