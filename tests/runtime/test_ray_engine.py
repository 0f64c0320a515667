import os
import sys
from pathlib import Path

import pytest
import ray

from pipeline.runtime.device import computes_bfloat16
from pipeline.runtime.errors import AffectflowError, InputError
from pipeline.runtime.executor import Executor, run
from tests.runtime.test_executor import jobs, outputs
from tests.runtime.work import work

RAY = Executor(engine="ray", workers=2, device="cpu")


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(AffectflowError, match=r"pip install -e '\.\[ray\]'"):
        list(run(work, jobs(tmp_path / "out", a="note"), executor=RAY))


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.slow
def test_items_run_on_an_embedded_cluster(tmp_path: Path) -> None:
    given = jobs(tmp_path / "out", a="note", b="threads", c="device", d="input", e="die", f="odd", g="note")
    errors = {result.item.name: result.error for result in run(work, given, executor=RAY)}
    assert outputs(tmp_path / "out") == {"a": "a", "b": "1", "c": "cpu", "g": "g"}
    assert isinstance(errors["d"], InputError)
    assert len(errors["d"].problems) == 2
    assert "worker died" in str(errors["e"])
    assert "it broke" in str(errors["f"])
    assert not ray.is_initialized(), "the embedded cluster ends with the run"


@pytest.mark.slow
def test_relative_paths_are_those_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    assert [result.error for result in run(work, jobs(Path("out"), a="note"), executor=RAY)] == [None]
    assert outputs(tmp_path / "out") == {"a": "a"}


@pytest.mark.slow
def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AffectflowError, match="no GPU"):
        list(run(work, jobs(tmp_path / "out", a="note"), executor=Executor(engine="ray", device="cuda", workers=1)))


@pytest.mark.slow
def test_a_ray_worker_computes_portably(tmp_path: Path) -> None:
    executor = Executor(engine="ray", workers=1, device="cpu", numerics="portable")
    results = list(run(work, jobs(tmp_path / "out", a="portable"), executor=executor))
    assert [result.error for result in results] == [None]
    assert outputs(tmp_path / "out") == {"a": "AVX2"}


@pytest.mark.slow
def test_a_cluster_without_gpus_computes_as_asked() -> None:
    assert Executor(engine="ray", workers=1, device="auto", numerics="portable").arithmetic == "portable"


@pytest.mark.slow
def test_every_machine_of_a_cluster_is_asked_for_bfloat16() -> None:
    ray.init(address="local", num_cpus=1, include_dashboard=False)
    try:
        assert Executor(engine="ray", workers=1, device="cpu").computes_bfloat16 == computes_bfloat16("cpu")
    finally:
        ray.shutdown()
