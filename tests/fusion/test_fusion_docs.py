"""docs/fusion.md says what the code does."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

DOCUMENT = (Path(__file__).parents[2] / "docs" / "fusion.md").read_text()


def test_examples_run():
    examples = re.findall(r"```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    assert examples
    for example in examples:
        exec(compile(example, "docs/fusion.md", "exec"), {})


def test_every_option_is_in_the_table(system):
    (row,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{system}.py` |")]
    parameters = inspect.signature(import_module(f"pipeline.fusion.{system}").FUSION.from_streams).parameters
    options = set(parameters) - {"encoders", "widths", "length", "ranges", "hidden", "dropout"}
    assert set(re.findall(r"`(\w+)`", row.split("|")[4])) == options
    for name, value in re.findall(r"`(\w+)` ([\d.]+)", row.split("|")[4]):
        assert parameters[name].default == pytest.approx(float(value))


@pytest.mark.parametrize("name", ["tcn", "multiscale", "identity"])
def test_every_encoder_is_in_the_table(name):
    (row,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}.py` |")]
    encoder = import_module(f"pipeline.temporal.{name}").ENCODER
    options = set(inspect.signature(encoder).parameters) - {"in_features"}
    assert set(re.findall(r"`(\w+)`", row.split("|")[3])) == options
