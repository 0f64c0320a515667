import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType

import pytest
import torch

from pipeline.runtime import torchaudio_pure
from pipeline.runtime.torchaudio_pure import EXTENSION, load_torchaudio

OTHER_CUDA = "Detected that PyTorch and TorchAudio were compiled with different CUDA versions."


@pytest.fixture
def failing_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Exception], None]]:
    """Make the first import of torchaudio fail; afterwards sys.modules is as before."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "torchaudio"}

    def arrange(error: Exception) -> None:
        for name in before:
            sys.modules.pop(name, None)
        failures = [error]

        def importing(name: str) -> ModuleType:
            if name == "torchaudio" and failures:
                raise failures.pop()
            return import_module(name)

        monkeypatch.setattr(torchaudio_pure, "import_module", importing)

    yield arrange
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.mark.parametrize("error", [OSError("Could not load this library: x.so"), RuntimeError(OTHER_CUDA)])
def test_goes_on_without_the_extension(
    failing_once: Callable[[Exception], None], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    failing_once(error)
    with caplog.at_level(logging.DEBUG):
        module = load_torchaudio()
    assert not sys.modules[EXTENSION]._IS_TORCHAUDIO_EXT_AVAILABLE
    assert str(error) in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]
    tone = torch.sin(torch.arange(4800) / 10)
    assert module.functional.resample(tone, 48000, 16000).shape == (1600,)
    assert module.transforms.Spectrogram(n_fft=64)(tone).shape[0] == 33
    with pytest.raises(RuntimeError, match="forced_align needs its compiled extension"):
        module.functional.forced_align(torch.zeros(1, 2, 3), torch.ones(1, 1))


@pytest.mark.parametrize("error", [RuntimeError("out of luck"), ImportError("not installed")])
def test_other_failures_stay_failures(failing_once: Callable[[Exception], None], error: Exception) -> None:
    failing_once(error)
    with pytest.raises(type(error), match=str(error)):
        load_torchaudio()


def test_a_fresh_interpreter_gets_functional_and_transforms() -> None:
    code = (
        "from pipeline.runtime.torchaudio_pure import functional, transforms\n"
        "print(functional.melscale_fbanks(257, 125.0, 7500.0, 64, 16000).shape, transforms.Resample.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "torch.Size([257, 64]) Resample"
    assert done.stderr == ""
