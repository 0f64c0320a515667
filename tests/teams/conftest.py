from pathlib import Path

import pytest

from tests.dag.conftest import built, first, scratch
from tests.dag.scratch import Run, Scratch
from tests.teams.team import Team

__all__ = ["built", "first", "scratch"]


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """A team whose remote is a folder."""
    return Team(tmp_path)


@pytest.fixture
def owner(scratch: Scratch, team: Team) -> Scratch:
    """The one who has results, after pushing them."""
    team.found(scratch)
    return scratch


@pytest.fixture
def colleague(owner: Scratch, team: Team) -> tuple[Scratch, Run]:
    """A newcomer's clone, and what happened there."""
    return team.join()
