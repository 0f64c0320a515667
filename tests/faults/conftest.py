"""One undisturbed run of all stages for the whole suite; each test disturbs a copy of its own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.faults.ledger import FAULT
from tests.faults.project import Project, Step, after, before, build_world, copy

Make = Callable[[Step], Project]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The undisturbed runs. All workers of pytest-xdist share them: the first of them runs, the others wait."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "faults"
    with FileLock(f"{folder}.lock"):
        if not (folder / "counts.json").is_file():
            build_world(folder)
    return folder


@pytest.fixture
def at(world: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """Make a copy of the project as it was before a stage, for one fault."""
    return lambda step: _one_fault(before(world, step), tmp_path, request)


@pytest.fixture
def done(world: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """Make a copy of the project as it was after a stage, for one fault."""
    return lambda step: _one_fault(after(world, step), tmp_path, request)


def _one_fault(source: Path, folder: Path, request: pytest.FixtureRequest) -> Project:
    ends = request.node.user_properties
    ends.append((FAULT, "injected"))
    return copy(source, folder, ends)
