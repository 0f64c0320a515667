import json
from pathlib import Path

import pytest

from pipeline.models.recipe import RECIPE, NetworkRecipe, read_recipe, write_recipe
from pipeline.runtime.errors import InputError
from tests.models.recipes import visual_recipe


def test_a_recipe_comes_back_as_it_was_written(tmp_path: Path) -> None:
    networks = {"fold0.safetensors": NetworkRecipe(fold=0, sha256="ab")}
    recipe = visual_recipe().model_copy(update={"networks": networks})
    write_recipe(tmp_path / RECIPE, recipe)
    first = (tmp_path / RECIPE).read_bytes()
    assert read_recipe(tmp_path / RECIPE) == recipe
    write_recipe(tmp_path / RECIPE, read_recipe(tmp_path / RECIPE))
    assert (tmp_path / RECIPE).read_bytes() == first


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1}', "\x00"])
def test_a_damaged_recipe_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / RECIPE).write_text(text)
    with pytest.raises(InputError, match=r"recipe\.json.*->"):
        read_recipe(tmp_path / RECIPE)


def test_a_recipe_of_another_schema_or_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    write_recipe(tmp_path / RECIPE, visual_recipe())
    known = json.loads((tmp_path / RECIPE).read_text())
    for change, message in (({"schema_version": 99}, "of 99"), ({"new": 1}, "new")):
        (tmp_path / RECIPE).write_text(json.dumps(known | change))
        with pytest.raises(InputError, match=message):
            read_recipe(tmp_path / RECIPE)


def test_weights_are_told_apart_as_item_keys_do() -> None:
    weights = visual_recipe().streams["visual"].weights
    assert weights.identity == "random:0"
    assert weights.model_copy(update={"sha256": "AB"}).identity == "sha256:ab"
