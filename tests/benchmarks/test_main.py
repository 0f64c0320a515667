import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import measurements
from pipeline.runtime.numerics import PORTABLE

ROOT = Path(__file__).parents[2]


def test_every_measurement_is_run_and_that_of_a_gpu_where_there_is_one() -> None:
    without = measurements(gpu=False)
    assert {"clips", "extract", "views"} <= set(without)
    assert not {"gpu", "contact_sheet", "gating", "precision"} & set(without)
    assert sorted([*without, "gpu"]) == measurements(gpu=True)


@pytest.mark.parametrize(("module", "held"), [("benchmarks", False), ("benchmarks.gating", True)])
def test_what_starts_all_scripts_holds_none_of_them_to_portable_numerics(module: str, held: bool) -> None:
    command = f"import os, sys; sys.orig_argv = ['python', '-m', {module!r}]; import benchmarks; print(os.environ)"
    environment = {name: value for name, value in os.environ.items() if name not in (*PORTABLE, "AFFECTFLOW_TIMING")}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert ("ONEDNN_MAX_CPU_ISA" in done.stdout) == held
