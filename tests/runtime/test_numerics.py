import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.backbones.common.config import BackboneConfig
from pipeline.backbones.common.extraction import store_attributes
from pipeline.runtime import executor as executors
from pipeline.runtime.config import ComputeConfig
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.executor import Executor, run
from pipeline.runtime.numerics import PORTABLE, THREADS, asked_for, fix_numerics, require_portable
from tests.runtime.test_executor import jobs, outputs
from tests.runtime.work import work

ROOT = Path(__file__).parents[2]


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process below `folder`, without the settings of this one."""
    environment = {name: value for name, value in os.environ.items() if name not in {**PORTABLE, **THREADS}}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("numerics", ["portable", "native"])
def test_a_stage_loads_the_libraries_as_params_says(tmp_path: Path, numerics: str) -> None:
    (tmp_path / "params.yaml").write_text(f"compute: {{numerics: {numerics}}}\n", encoding="utf-8")
    code = (
        "import stages, os, numpy, torch\n"
        "from pipeline.runtime.numerics import PORTABLE, require_portable\n"
        "print([os.environ.get(name) == value for name, value in PORTABLE.items()])\n"
        "require_portable()"
    )
    done = python(code, tmp_path)
    assert done.stdout.strip() == str([numerics == "portable"] * len(PORTABLE))
    assert (done.returncode == 0) == (numerics == "portable")


def test_settings_that_come_too_late_are_refused(tmp_path: Path) -> None:
    code = (
        "import os, numpy, torch\n"
        "from pipeline.runtime.numerics import *\n"
        "fix_numerics('params.yaml')\n"
        "assert not set(PORTABLE) & set(os.environ), 'nothing may change any more'\n"
        "require_portable()"
    )
    (tmp_path / "params.yaml").write_text("compute: {numerics: portable}\n", encoding="utf-8")
    done = python(code, tmp_path)
    assert done.returncode == 1
    assert "ConfigError" in done.stderr
    assert "ATEN_CPU_CAPABILITY" in done.stderr
    assert "python -m stages.NAME" in done.stderr


def test_a_processor_without_avx2_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Core:
        __cpu_features__ = {"AVX2": False}  # noqa: RUF012
        __cpu_dispatch__ = ()

    monkeypatch.setattr("pipeline.runtime.numerics.import_module", lambda name: Core)
    with pytest.raises(ConfigError, match="no AVX2 -> set `compute"):
        require_portable()


@pytest.mark.parametrize("text", ["", "compute:\n", "compute: {engine: serial}\n", "compute: [\n", "[]\n"])
def test_a_file_that_says_nothing_changes_nothing(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr("pipeline.runtime.numerics.LIBRARIES", ())
    before = dict(os.environ)
    assert asked_for(tmp_path / "params.yaml") is None
    fix_numerics(tmp_path / "params.yaml")
    assert os.environ == before


def test_a_worker_process_computes_portably(tmp_path: Path) -> None:
    given = jobs(tmp_path / "out", a="portable", b="portable")
    results = list(run(work, given, executor=Executor(workers=2, numerics="portable")))
    assert [result.error for result in results] == [None, None]
    assert set(outputs(tmp_path / "out").values()) == {"AVX2"}


def test_workers_are_started_with_the_settings() -> None:
    assert Executor(numerics="portable").environment == {**THREADS, **PORTABLE}
    assert Executor(numerics="native").environment == THREADS
    assert Executor.from_config(ComputeConfig(numerics="portable")).numerics == "portable"


def test_a_gpu_computes_natively_whatever_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(executors, "available_devices", lambda device: ("cpu",) if device == "cpu" else ("cuda:0",))
    assert Executor(numerics="portable").arithmetic == "portable"
    assert Executor(numerics="native", device="auto").arithmetic == "cuda"
    assert not caplog.records
    with caplog.at_level("INFO"):
        assert Executor(numerics="portable", device="auto").arithmetic == "cuda"
    assert "a GPU computes natively" in caplog.text


def test_a_store_records_the_arithmetic() -> None:
    config = BackboneConfig(weights="random")
    attributes = store_attributes("ir50", config, executor=Executor(numerics="portable"))
    assert (attributes["arithmetic"], attributes["precision"]) == ("portable", "float32")
