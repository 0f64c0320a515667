import contextlib

import pytest
import torch

from pipeline.runtime import device as module
from pipeline.runtime.device import available_devices, computes_bfloat16, current_device, use_device
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


@pytest.mark.parametrize(
    ("capabilities", "limit", "native"),
    [
        ({"avx512_bf16": True}, None, True),
        ({"avx512_bf16": False, "amx_bf16": True}, "", True),
        ({"bf16": True}, "all", True),
        ({"avx2": True, "avx512_bf16": False}, None, False),
        ({}, None, False),
        ({"avx512_bf16": True}, "AVX2", False),
        ({"amx_bf16": True}, "avx512_core", False),
        ({"avx512_bf16": True}, "AVX512_CORE_BF16", True),
    ],
)
def test_a_processor_computes_bfloat16_where_it_has_and_may_use_the_instructions(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], limit: str | None, native: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if limit is not None:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert computes_bfloat16("cpu") is native


@pytest.mark.parametrize(("capability", "native"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_a_gpu_computes_bfloat16_from_ampere_on(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], native: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert computes_bfloat16("cuda:0") is native
