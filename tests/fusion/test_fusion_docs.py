"""docs/fusion.md says what the code does."""

import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest
import torch
import yaml

import pipeline.fusion
from pipeline.checks import check_models
from pipeline.config import Params
from pipeline.models.build import build_network, constructor_options
from pipeline.models.config import ModelConfig
from pipeline.runtime.errors import ConfigError

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = (DOCS / "fusion.md").read_text()
OWN = (DOCS / "own_fusion.md").read_text()


def blocks(language: str, text: str = DOCUMENT) -> list[str]:
    return re.findall(rf"```{language}[^\n]*\n(.*?)```", text, flags=re.DOTALL)


def test_examples_run() -> None:
    (example,) = blocks("python")
    exec(compile(example, "docs/fusion.md", "exec"), {"__name__": "example"})


@pytest.fixture
def one_file(tmp_path: Path) -> Iterator[ModelConfig]:
    """The system of docs/own_fusion.md: its file is in the package, its entry is the fixture."""
    source, (entry,) = blocks("python", OWN)[0], blocks("yaml", OWN)
    model = ModelConfig.model_validate_json(json.dumps(yaml.safe_load(entry)["models"]["product"]))
    model = model.model_copy(update={"fusion": "a_new_system"})
    (tmp_path / f"{model.fusion}.py").write_text(source)
    pipeline.fusion.__path__.append(str(tmp_path))
    invalidate_caches()
    yield model
    pipeline.fusion.__path__.remove(str(tmp_path))
    del sys.modules[f"pipeline.fusion.{model.fusion}"]


def test_a_system_is_added_by_one_file(one_file: ModelConfig) -> None:
    model = one_file.model_copy(update={"temporal": "identity"})
    network = build_network(model, in_features={"visual": 6, "audio": 4}, length=9, ranges=[(0.0, 1.0)]).eval()
    streams = {"visual": torch.randn(2, 9, 6), "audio": torch.randn(2, 9, 4)}
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[1, 5:] = False
    output = network(streams, mask)
    assert output.predictions.shape == (2, 9, 1)
    assert output.features.shape == (2, 9, 32)
    assert {values.shape for values in output.attention.values()} == {(2, 9)}
    assert [module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)] == [0.3]
    parameters = list(network.parameters())
    assert all(gradient.any() for gradient in torch.autograd.grad(output.predictions.sum(), parameters))


def test_the_options_of_an_added_system_are_checked(one_file: ModelConfig) -> None:
    def check(**options: object) -> None:
        check_models(
            Params.model_validate(
                {
                    "corpus": {"kind": "affwild2", "root": "corpus", "index": "index.csv"},
                    "backbones": {"ir50": {"weights": "random"}, "vggish": {"weights": "random"}},
                    "models": {"mine": one_file.model_copy(update={"options": options}).model_dump()},
                }
            )
        )

    check(**one_file.options)
    with pytest.raises(ConfigError, match=r"models\.mine\.options\.widht: unknown.*'width'"):
        check(widht=3)


def documented(file: str) -> dict[str, str]:
    """Return the options of a file's list entry, each with what follows its name."""
    (entry,) = re.findall(rf"^\* `{file}`: (.*?)(?=^\S|\Z|\n\n)", DOCUMENT, flags=re.DOTALL | re.MULTILINE)
    (options,) = re.findall(r"Options: (.*?)\.(?:\s|$)", entry, flags=re.DOTALL) or [""]
    return {name: value.strip(" ,\n") for name, value in re.findall(r"`(\w+)`([^`]*)", options)}


def test_every_option_of_a_system_is_listed(system: str) -> None:
    fusion = import_module(f"pipeline.fusion.{system}").FUSION
    options, listed = constructor_options(fusion, fusion.HEAD), documented(f"{system}.py")
    assert listed.keys() == options.keys() - {"hidden", "dropout"}
    for name, value in listed.items():
        if re.match(r"\d", value):
            assert options[name].default == pytest.approx(float(value.split()[0].rstrip(",")))


@pytest.mark.parametrize("name", ["tcn", "multiscale", "identity"])
def test_every_option_of_an_encoder_is_listed(name: str) -> None:
    options = constructor_options(import_module(f"pipeline.temporal.{name}").ENCODER)
    assert documented(f"{name}.py").keys() == options.keys()
