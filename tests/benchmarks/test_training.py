import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks._training_variants import WindowFiles, make_plain, make_training
from benchmarks.training import check_parity, cpu_seconds, take_turns
from pipeline.training.loop import FoldTraining

WINDOWS = [[3], [0]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def trainings(tmp_path: Path) -> tuple[FoldTraining, FoldTraining, FoldTraining]:
    """Ours, one that is fed from files, and one of plain layers."""
    ours, loaded, plain = (make_training(tmp_path) for _ in range(3))
    make_plain(plain.network)
    return ours, loaded, plain


def test_all_variants_train_one_network_on_the_same_windows(
    trainings: tuple[FoldTraining, FoldTraining, FoldTraining], tmp_path: Path
) -> None:
    ours, loaded, plain = trainings
    files = WindowFiles.write(tmp_path / "windows", loaded)
    assert len(files) == len(loaded.train_windows)
    assert float(check_parity(ours, loaded, plain, files, windows=WINDOWS)) < 1e-4
    types = {type(module).__name__ for module in plain.network.modules()}
    assert {"PlainBlock", "Dropout"} <= types
    assert "TemporalBlock" not in types
    np.save(tmp_path / "windows" / "3_visual.npy", np.zeros((300, 512), dtype=np.float32))
    with pytest.raises(AssertionError, match="other windows"):
        check_parity(ours, loaded, plain, files, windows=WINDOWS)


def test_seconds_of_child_processes_count() -> None:
    def child() -> None:
        subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)

    before = cpu_seconds()
    (taken,) = take_turns({"child": child}, rounds=1)["child"].seconds
    assert 0.01 < taken < cpu_seconds() - before


@pytest.mark.parametrize("timing", [True, False])
def test_what_times_something_computes_natively_beside_a_portable_params_yaml(timing: bool) -> None:
    command = "import benchmarks, torch; print(torch.backends.cpu.get_cpu_capability())"
    unset = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "AFFECTFLOW_TIMING")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    if timing:
        environment["AFFECTFLOW_TIMING"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    natively = done.stdout.strip() == torch.backends.cpu.get_cpu_capability()
    assert natively if timing else done.stdout.strip() == "AVX2"
