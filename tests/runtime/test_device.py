import contextlib

import pytest
import torch

from pipeline.runtime import device as module
from pipeline.runtime.device import available_devices, current_device, use_device
from pipeline.runtime.errors import ConfigError


def test_without_a_gpu_everything_runs_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cuda_count", lambda: 0)
    assert available_devices("auto") == available_devices("cpu") == ("cpu",)
    with pytest.raises(ConfigError, match=r"'cuda'.*no CUDA device.*'auto' or 'cpu'"):
        available_devices("cuda")


def test_every_gpu_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cuda_count", lambda: 3)
    assert available_devices("auto") == available_devices("cuda") == ("cuda:0", "cuda:1", "cuda:2")
    assert available_devices("cpu") == ("cpu",)


def test_the_current_device_holds_inside_the_block() -> None:
    assert current_device() == torch.device("cpu")
    with contextlib.suppress(RuntimeError), use_device("cuda:1"):
        assert current_device() == torch.device("cuda:1")
        raise RuntimeError("leave")
    assert current_device() == torch.device("cpu")
