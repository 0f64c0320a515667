"""A queue of experiments, and the hook that keeps commits without results at home."""

import re
import time

import pytest

from tests.dag.scratch import Scratch
from tests.docs.pages import blocks
from tests.teams.team import PAGE, Team

pytestmark = pytest.mark.slow


def test_experiments_wait_in_a_queue(scratch: Scratch, team: Team) -> None:
    before = scratch.outs()
    try:
        team.act("queue", scratch)
        assert scratch.outs() == before, "the workspace stays as it was"
        _wait_for_the_queue(scratch)
    finally:
        scratch.dvc("queue", "stop", "--kill")
    run = team.act("queue", scratch, 1)
    for name in ("slower", "faster"):
        assert re.search(rf"{name}.*Success", run.text), run.text
    assert scratch.outs() == before, "the workspace stays as it was"
    metrics = "metrics/train/grjca.json"
    found = set()
    for reference in scratch.git("for-each-ref", "--format=%(refname)", "refs/exps").text.split():
        if reference.endswith(("/slower", "/faster")):
            found.add(scratch.git("show", f"{reference}:{metrics}").text)
    assert len(found | {before[metrics].decode()}) == 3, "three learning rates, three results"


def _wait_for_the_queue(project: Scratch, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while re.search("Queued|Running", project.dvc("queue", "status").text):
        assert time.monotonic() < end, project.dvc("queue", "status").text
        time.sleep(1)


def test_no_commit_is_pushed_without_its_results(owner: Scratch, team: Team) -> None:
    (hook,) = [block for block in blocks(PAGE) if block.title == ".git/hooks/pre-push"]
    (owner.root / hook.title).write_text(hook.text)

    def heads() -> str:
        return owner.git("ls-remote", "origin", "main").text.split()[0]

    def commit(*paths: str) -> str:
        owner.git("add", *paths)
        owner.git("commit", "--quiet", "--message", "A change")
        return owner.git("rev-parse", "HEAD").text.strip()

    # A new title: the report is older than params.yaml.
    owner.params("report.title", "another")
    commit("params.yaml")
    old = heads()
    run = team.act("hook", owner, ok=False)
    assert run.code != 0
    assert "affectflow run" in run.text
    # The report is made, but dvc.lock is not committed.
    owner.repro()
    run = team.act("hook", owner, ok=False)
    assert run.code != 0
    assert "not committed" in run.text
    assert heads() == old

    last = commit("dvc.lock", "reports")
    assert "in sync" not in owner.dvc("status", "--cloud").text, "the remote lacks the new report"
    team.act("hook", owner)
    assert heads() == last
    assert "in sync" in owner.dvc("status", "--cloud").text
