import os
import sys
from pathlib import Path

import pytest

from pipeline.runtime.errors import AffectflowError, InputError
from pipeline.runtime.executor import Executor, run
from tests.runtime.test_executor import jobs, outputs
from tests.runtime.work import work

RAY = Executor(engine="ray", workers=2, device="cpu")


def test_without_ray_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(AffectflowError, match=r"affectflow\[ray\]"):
        list(run(work, jobs(tmp_path / "out", a="note"), executor=RAY))


@pytest.fixture
def ray(monkeypatch):
    """Ray, if it is installed: it is an extra."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return pytest.importorskip("ray")


@pytest.mark.slow
def test_items_run_on_an_embedded_cluster(ray, tmp_path):
    given = jobs(tmp_path / "out", a="note", b="threads", c="device", d="input", e="die", f="odd", g="note")
    errors = {result.item.name: result.error for result in run(work, given, executor=RAY)}
    assert outputs(tmp_path / "out") == {"a": "a", "b": "1", "c": "cpu", "g": "g"}
    assert isinstance(errors["d"], InputError)
    assert len(errors["d"].problems) == 2
    assert "worker died" in str(errors["e"])
    assert "it broke" in str(errors["f"])
    assert not ray.is_initialized(), "the embedded cluster ends with the run"


@pytest.mark.slow
def test_relative_paths_are_those_of_the_caller(ray, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    assert [result.error for result in run(work, jobs(Path("out"), a="note"), executor=RAY)] == [None]
    assert outputs(tmp_path / "out") == {"a": "a"}


@pytest.mark.slow
def test_a_gpu_that_is_not_there_is_refused(ray, tmp_path):
    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(AffectflowError, match="no GPU"):
        list(run(work, jobs(tmp_path / "out", a="note"), executor=Executor(engine="ray", device="cuda", workers=1)))
