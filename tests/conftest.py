"""What all tests share: one thread, as every item of the pipeline has, and what needs a GPU or a browser.

`gpu` tests are deselected where there is no GPU. `browser` tests are skipped where there is no Chromium, unless
AFFECTFLOW_BROWSER is `required`, as .ci/run sets it: then they fail.
"""

import os

# Before torch is imported, which reads it once; the processes that tests start inherit it.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import pytest
import torch

from tests.browser_factory import missing

# Here, because pytest-xdist's controller, which prints the summary, reads no conftest.py further down.
from tests.faults.ledger import pytest_terminal_summary  # noqa: F401

torch.set_num_threads(1)

# No outcome depends on how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs a browser, and deselect what needs a GPU, where there is none; pytest's last line counts them."""
    lacking = missing()
    if lacking and os.environ.get("AFFECTFLOW_BROWSER") != "required":
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=lacking))
    if torch.cuda.is_available():
        return
    without = [item for item in items if item.get_closest_marker("gpu")]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if not item.get_closest_marker("gpu")]
