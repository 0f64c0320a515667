"""What starting a command or a stage loads: modules are counted, not seconds."""

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "torchaudio",
    "numpy",
    "scipy",
    "zarr",
    "h5py",
    "av",
    "bokeh",
    "cv2",
    "matplotlib",
    "pydantic",
    "rich",
    "dvc",
}
"""Libraries that take a tenth of a second or more."""

CODE = "import sys; import {}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"


def loaded(module: str) -> set[str]:
    """Return the libraries that a fresh process has loaded after importing a module."""
    command = [sys.executable, "-c", CODE.format(module)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_commands_help_loads_no_library_of_numbers() -> None:
    found = loaded("pipeline.cli.app")
    assert "typer" in found
    assert not found & HEAVY


@pytest.mark.parametrize("stage", ["clips", "demo", "ensemble", "folds", "report"])
def test_a_stage_that_needs_no_network_loads_no_torch(stage: str) -> None:
    found = loaded(f"stages.{stage}, pipeline.config")
    assert "pydantic" in found
    assert not found & {"torch", "torchaudio"}


def test_the_survey_of_a_corpus_loads_no_torch() -> None:
    found = loaded("pipeline.readers.index, pipeline.runtime.executor")
    assert "av" in found
    assert not found & {"torch", "torchaudio"}


CHECK = """
import sys
from pathlib import Path
from pipeline.checks import model_faults
from pipeline.config import load
for preset in sorted(Path("presets").glob("*.yaml")):
    assert not model_faults(load(preset)), preset
print(*(name for name in sys.modules if name.startswith(("torch.nn", "torch._dynamo", "sympy"))))
"""


def test_the_check_of_every_preset_loads_no_compiler() -> None:
    """It builds networks without memory, for which PyTorch likes to load its compiler."""
    command = [sys.executable, "-c", CHECK]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "torch.nn" in found
    assert not [name for name in found if not name.startswith("torch.nn")]
