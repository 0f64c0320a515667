"""What `affectflow predict` and `affectflow pack` say before any model is read; tests/inference has the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calling import Call, caller


@pytest.fixture
def affectflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    monkeypatch.chdir(tmp_path)
    return caller(monkeypatch, capsys)


@pytest.mark.parametrize("command", [("predict", "v.mp4", "--model", "grjca"), ("pack", "grjca")])
def test_where_nothing_was_trained_it_says_what_to_run(command: tuple[str, ...], affectflow: Call) -> None:
    answer = affectflow(*command)
    assert answer.code == 1
    assert "no model was trained here yet -> run `make repro`" in answer.err
    assert "Traceback" not in answer.err
    Path("params.yaml").write_text("models: {grjca: {}}")
    assert "the model 'grjca' of params.yaml is not trained yet -> run `affectflow run" in affectflow(*command).err


def test_wrong_options_end_with_2(affectflow: Call) -> None:
    assert affectflow("predict", "v.mp4").code == 2
    assert affectflow("predict", "--model", "grjca").code == 2
    assert affectflow("predict", "v.mp4", "--model", "grjca", "--face", "all").code == 2
    assert affectflow("pack").code == 2


@pytest.mark.parametrize("command", ["predict", "pack"])
def test_help_has_examples_and_exit_codes(command: str, affectflow: Call) -> None:
    answer = affectflow(command, "--help")
    assert answer.code == 0
    assert f"affectflow {command} " in answer.out
    assert "Exit codes: 0" in " ".join(answer.out.split())


def test_the_arithmetic_is_set_before_a_numeric_library_is_loaded() -> None:
    check = (
        "import sys, pipeline.cli.predict, pipeline.inference.source, pipeline.inference.arithmetic; "
        "print([name for name in ('numpy', 'torch', 'cv2', 'av', 'h5py') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
