"""The same team, with a remote on an SSH server and one on an S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dag.scratch import Scratch
from tests.teams.servers import BUCKET, HERE, s3_keys, s3_server, ssh_server
from tests.teams.team import Team

pytestmark = pytest.mark.slow

LEAST = 100
"""Fewer files than the scratch project's results are; what git keeps is in DVC's cache, too, but is not pushed."""


def pushed(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def check_that_results_are_shared(owner: Scratch, team: Team) -> None:
    """A fresh clone with an empty item cache pulls, and has nothing to run."""
    theirs, run = team.join()
    assert "up to date" in run.text
    assert run.ran == run.restored == set()
    assert theirs.outs() == owner.outs()
    assert theirs.git("status", "--short").text == ""
    assert (theirs.root / ".dvc" / "config").read_text() == (owner.root / ".dvc" / "config").read_text()


def test_an_ssh_server_is_a_remote(scratch: Scratch, tmp_path: Path) -> None:
    with ssh_server(tmp_path) as (port, home):
        remote = tmp_path / "far"
        team = Team(tmp_path, {"REMOTE": f"ssh://{HERE}:{port}{remote}", "HOME": str(home)})
        team.found(scratch)
        kept = scratch.root / ".dvc" / "cache" / "files"
        assert len(pushed(remote / "files")) > LEAST
        assert pushed(remote / "files") < pushed(kept)
        check_that_results_are_shared(scratch, team)


def test_without_a_key_an_ssh_server_is_closed(scratch: Scratch, tmp_path: Path) -> None:
    """So that the test above is one of a server that asks for it."""
    with ssh_server(tmp_path) as (port, _):
        (tmp_path / "stranger").mkdir()
        address = f"ssh://{HERE}:{port}{tmp_path}/far"
        team = Team(tmp_path, {"REMOTE": address, "HOME": str(tmp_path / "stranger"), "SSH_AUTH_SOCK": ""})
        team.act("remote", scratch)
        run = scratch("env", f"HOME={tmp_path}/stranger", "SSH_AUTH_SOCK=", "dvc", "push", ok=False)
        assert run.code != 0
        assert not (tmp_path / "far").exists()


@pytest.fixture
def s3() -> Iterator[str]:
    with s3_server() as address:
        yield address


def test_an_s3_server_is_a_remote(scratch: Scratch, tmp_path: Path, s3: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "member", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    team = Team(tmp_path, {"REMOTE": f"s3://{BUCKET}/affectflow", "ENDPOINT": s3, "HOME": str(tmp_path), **keys})
    assert s3_keys(s3) == 0
    team.found(scratch)
    assert LEAST < s3_keys(s3) < len(pushed(scratch.root / ".dvc" / "cache" / "files"))
    check_that_results_are_shared(scratch, team)
