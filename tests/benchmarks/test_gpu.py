import sys

import pytest
import torch

from benchmarks import gpu
from pipeline.runtime.errors import ConfigError


def test_without_a_gpu_it_says_so_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(ConfigError, match="torch finds none on this machine"):
        gpu.device()
    with pytest.raises(SystemExit, match="measures a CUDA device, and torch finds none"):
        gpu.main()
    assert capsys.readouterr().out == ""


def test_backbones_run_one_after_the_other() -> None:
    assert gpu.minutes({"a": 1000.0, "b": 500.0}, frames=60_000) == pytest.approx(1 + 2)
    assert gpu.minutes({"a": 2_990_000 / 60}) == pytest.approx(1)


@pytest.mark.gpu
def test_a_gpu_is_measured() -> None:
    text = gpu.measure(gpu.device(), frames=300, rounds=1)
    assert "| ir50 | file to store |" in text
    assert "| vggish | in memory |" in text
    assert "Both backbones over 2.99 M frames" in text
