from pathlib import Path

import pytest

from pipeline.demo.config import load
from pipeline.runtime.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "data/demo/params.yaml"


def test_the_shipped_parameters_are_valid() -> None:
    config = load(SHIPPED)
    assert config.trials.train + config.trials.validation + config.trials.test == 28


@pytest.mark.parametrize(
    ("line", "changed", "message"),
    [
        ("seed: 7", "sede: 7", "did you mean 'seed'"),
        ("width: 320", "width: 321", "321 is odd"),
        ("seconds: 9 ", "seconds: 1 ", "demo.seconds"),
        ("useless_share: 0.2 ", "useless_share: 0.9", "demo.useless_share"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, line: str, changed: str, message: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert line in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(line, changed), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"params\.yaml: No such file"):
        load(tmp_path / "params.yaml")
