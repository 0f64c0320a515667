from typing import Literal

import pytest

from pipeline.backbones.common.config import BackboneConfig
from pipeline.backbones.common.extraction import store_attributes
from pipeline.runtime import executor as executors
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.executor import Executor
from pipeline.runtime.precision import resolve_precision


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether each device computes bfloat16: two GPUs, and a processor."""
    native = {"cpu": False, "cuda:0": True, "cuda:1": True}
    gpus = ("cuda:0", "cuda:1")
    monkeypatch.setattr(executors, "available_devices", lambda device: ("cpu",) if device == "cpu" else gpus)
    monkeypatch.setattr(executors, "computes_bfloat16", native.__getitem__)
    return native


@pytest.mark.parametrize(("device", "native", "expected"), [("cpu", True, "bfloat16"), ("cpu", False, "float32")])
def test_auto_follows_the_processor(
    devices: dict[str, bool], device: Literal["cpu"], native: bool, expected: str
) -> None:
    devices["cpu"] = native
    assert resolve_precision("auto", Executor(device=device)) == expected


def test_auto_wants_every_gpu_to_have_it(devices: dict[str, bool]) -> None:
    assert resolve_precision("auto", Executor(device="auto")) == "bfloat16"
    devices["cuda:1"] = False
    assert resolve_precision("auto", Executor(device="auto")) == "float32"


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_what_is_pinned_holds_on_every_device(
    devices: dict[str, bool], asked: Literal["float32", "bfloat16"], native: bool
) -> None:
    devices["cpu"] = native
    assert resolve_precision(asked, Executor()) == asked


@pytest.mark.parametrize("device", ["cpu", "auto"])
@pytest.mark.usefixtures("devices")
def test_portable_numerics_mean_float32_whatever_the_device(device: Literal["cpu", "auto"]) -> None:
    portable = Executor(device=device, numerics="portable")
    assert resolve_precision("auto", portable) == resolve_precision("float32", portable) == "float32"
    with pytest.raises(ConfigError, match=r"'portable', but .* 'bfloat16'.* set `precision: auto` or `float32`"):
        resolve_precision("bfloat16", portable)


@pytest.mark.usefixtures("devices")
def test_a_store_records_what_auto_came_to() -> None:
    config = BackboneConfig(weights="random")
    assert config.precision == "auto"
    assert store_attributes("ir50", config, executor=Executor(device="auto"))["precision"] == "bfloat16"
    assert store_attributes("ir50", config, executor=Executor())["precision"] == "float32"
