"""Scratch copies of the project: one with the demo's results, in miniature, and one with the tests as well."""

import shutil

import pytest

from tests.dag.conftest import built, first, scratch
from tests.dag.scratch import ROOT, Scratch

__all__ = ["built", "clone", "first", "scratch"]


@pytest.fixture
def clone(scratch: Scratch) -> Scratch:
    """A scratch copy in which tests can be run, and pages be edited."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("docs", "tests"):
        shutil.copytree(ROOT / name, scratch.root / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "Makefile", "constraints.txt"):
        shutil.copy(ROOT / name, scratch.root / name)
    return scratch
