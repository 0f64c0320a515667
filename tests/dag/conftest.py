"""One full `dvc repro` for all tests of the DAG; a test that changes something works in its own copy."""

from pathlib import Path

import pytest

from tests.dag.scratch import Run, Scratch, create


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scratch, Run]:
    """The repository after its first `dvc repro`, committed, and what that run said."""
    scratch = create(tmp_path_factory.mktemp("dag"))
    run = scratch.repro()
    scratch.commit("results")
    return scratch, run


@pytest.fixture(scope="session")
def built(first: tuple[Scratch, Run]) -> Scratch:
    """The repository after its first `dvc repro`: to look at, not to change."""
    return first[0]


@pytest.fixture
def scratch(built: Scratch, tmp_path: Path) -> Scratch:
    """A copy of the repository after its first `dvc repro`, with a copy of the item cache."""
    return built.copy(tmp_path)
