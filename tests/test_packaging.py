"""What a fresh machine installs, and with which commands."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = {
    line: Requirement(line)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
}
LINT = [
    "ruff check .",
    "ruff format --check .",
    "mypy",
    "bandit --quiet --configfile pyproject.toml --recursive pipeline stages",
]


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    found: dict[str, str] = {}
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", line)
        assert match, line
        found[canonicalize_name(match[1])] = match[2]
    return found


@pytest.mark.parametrize("requirement", REQUIREMENTS.values(), ids=str)
def test_every_dependency_is_pinned_to_a_version_that_will_do(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_every_extra_is_pinned() -> None:
    """An extra of DVC's brings a package of its own along."""
    extras = {extra for one in REQUIREMENTS.values() if one.name == "dvc" for extra in one.extras}
    assert extras == {"s3", "ssh"}
    assert {f"dvc-{extra}" for extra in extras} <= pins().keys()


def test_the_environment_is_the_pinned_one() -> None:
    """A figure in a report names versions; they must be those of constraints.txt."""
    for name in ("torch", "numpy", "dvc", "zarr", "h5py"):
        assert version(name).split("+")[0] == pins()[name]


def test_no_pin_is_of_one_kind_of_machine() -> None:
    assert not [name for name in pins() if name.startswith(("nvidia", "triton", "cuda"))]
    assert len(pins()) > 100


def test_the_lowest_versions_are_those_of_the_project() -> None:
    done = subprocess.run([sys.executable, ROOT / ".ci" / "lowest.py"], capture_output=True, text=True, check=True)
    lowest = dict(line.split("==") for line in done.stdout.splitlines())
    assert set(lowest) == {Requirement(line).name for line in PROJECT["dependencies"]}
    assert lowest["numpy"] == "2.0.*"
    assert lowest["torch"] == pins()["torch"]


def test_the_version_comes_from_git_or_is_a_fallback() -> None:
    assert "version" in PROJECT["dynamic"]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools_scm"]
    released = re.search(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert released is not None
    assert settings["fallback_version"] == released[1], "the version that CHANGELOG.md has last"


def test_the_console_script_exists() -> None:
    module, _, function = PROJECT["scripts"]["affectflow"].partition(":")
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
    assert function == "main"


@pytest.mark.parametrize(
    ("target", "commands"),
    [
        ("repro", ["affectflow run"]),
        ("test", [*LINT, 'pytest -n logical --dist worksteal -m "not slow"']),
        ("test-all", [*LINT, "pytest -n logical --dist worksteal"]),
    ],
)
def test_make_runs_what_the_documents_say(target: str, commands: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[-len(commands) :] == commands


def test_scripts_are_valid() -> None:
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        steps = [step for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"]]
        assert [step["run"] for step in steps if "run" in step] == [".ci/run", "make test-lowest"]
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    subprocess.run(command, check=True)
