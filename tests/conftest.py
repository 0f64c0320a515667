"""What all tests share: one thread, as every item of the pipeline has, and no `gpu` tests where there is no GPU."""

import os

# Before torch is imported, which reads it once; the processes that tests start inherit it.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

# Here, because pytest-xdist's controller, which prints the summary, reads no conftest.py further down.
from tests.faults.ledger import pytest_terminal_summary  # noqa: F401

torch.set_num_threads(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs a GPU on a machine that has none; pytest's last line counts them."""
    if torch.cuda.is_available():
        return
    without = [item for item in items if item.get_closest_marker("gpu")]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if not item.get_closest_marker("gpu")]
