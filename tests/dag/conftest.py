"""One full `dvc repro` for all tests of the DAG; a test that runs something works in its own copy."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from tests.dag.scratch import Run, Scratch, create


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scratch, Run]:
    """The repository after its first `dvc repro`, committed, and what that run printed.

    All workers of pytest-xdist share it: the first of them builds, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "dag"
    printed = folder / "printed.txt"
    with FileLock(f"{folder}.lock"):
        if not printed.is_file():
            scratch = create(folder)
            run = scratch.repro()
            scratch.commit("results")
            printed.write_text(run.text)
    return Scratch.at(folder), Run(0, printed.read_text())


@pytest.fixture(scope="session")
def built(first: tuple[Scratch, Run]) -> Scratch:
    """The repository after its first `dvc repro`: to read files of, not to run anything in."""
    return first[0]


@pytest.fixture
def scratch(built: Scratch, tmp_path: Path) -> Scratch:
    """A copy of the repository after its first `dvc repro`, with a copy of the item cache."""
    return built.copy(tmp_path)
