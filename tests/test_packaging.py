"""What a fresh machine installs, and with which commands."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [Requirement(line) for line in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"])]


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    matches = [re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
    return {canonicalize_name(match[1]): match[2] for match in matches}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_dependency_is_pinned_to_a_version_that_will_do(requirement):
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_the_environment_is_the_pinned_one():
    """A figure in a report names versions; they must be those of constraints.txt."""
    for name in ("torch", "numpy", "dvc", "zarr", "h5py"):
        assert version(name).split("+")[0] == pins()[name]


def test_no_pin_is_of_one_kind_of_machine():
    assert not [name for name in pins() if name.startswith(("nvidia", "triton", "cuda"))]
    assert len(pins()) > 100


def test_the_console_script_exists():
    module, _, function = PROJECT["scripts"]["affectflow"].partition(":")
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
    assert function == "main"


@pytest.mark.parametrize(
    ("target", "commands"),
    [
        ("repro", ["dvc repro"]),
        ("test", ["ruff check .", "ruff format --check .", "mypy", "affectflow deps --check", "pytest"]),
    ],
)
def test_make_runs_what_the_documents_say(target, commands):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[-len(commands) :] == commands


def test_scripts_are_valid():
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    subprocess.run(command, check=True)
