import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from pipeline.evaluation.runs import Run
from pipeline.inference.predictor import check_recipe, find_weights
from pipeline.inference.source import CHOICE, Choice, ModelSource, identity, locate, needed_files, pack
from pipeline.models.recipe import RECIPE, NetworkRecipe, Recipe, WeightsRecipe, write_recipe
from pipeline.runtime.errors import ConfigError, InputError
from tests.models.recipes import visual_recipe


def with_weights(sha256: str) -> Recipe:
    recipe = visual_recipe()
    stream = recipe.streams["visual"].model_copy(update={"weights": WeightsRecipe(name="w.pth", sha256=sha256)})
    return recipe.model_copy(update={"streams": {"visual": stream}})


def write_model(root: Path, *, name: str = "visual", folds: int = 3) -> Path:
    """Write a folder with networks that are no networks: no one reads them here."""
    folder = root / "models" / name
    folder.mkdir(parents=True)
    networks = {}
    for fold in range(folds):
        data = f"{name} {fold}".encode()
        (folder / f"fold{fold}.safetensors").write_bytes(data)
        networks[f"fold{fold}.safetensors"] = NetworkRecipe(fold=fold, sha256=hashlib.sha256(data).hexdigest())
    write_recipe(folder / RECIPE, visual_recipe().model_copy(update={"model": name, "networks": networks}))
    return folder


def evaluate(root: Path, best: list[int], name: str = "visual") -> None:
    path = root / "metrics" / "evaluate" / f"{name}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"best_folds": best}))
    (root / "params.yaml").write_text(
        "evaluate: {combine: ccc_centred}\nmodels: {visual: {}, other: {}}\nensembles: {e: {}}\n"
    )


def test_a_name_finds_networks_and_the_choice_of_the_evaluation(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    evaluate(tmp_path, [2, 0])
    source = locate("visual", root=tmp_path)
    assert source.choice == Choice(best=(2, 0), combine="ccc_centred")
    assert source.choose("best").best == (2, 0)
    assert source.choose("all") == Choice(best=(0, 1, 2), combine="ccc_centred")
    assert source.choose("1").best == (1,)
    with source.networks(tmp_path) as networks:
        assert networks == {Run(fold): folder / f"fold{fold}.safetensors" for fold in range(3)}
    assert locate(str(folder)).choice == source.choice
    for fold in ("3", "-1", "worst", ""):
        with pytest.raises(ConfigError, match="0, 1, 2"):
            source.choose(fold)


def test_an_evaluation_of_other_folds_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path)
    evaluate(tmp_path, [0, 5])
    with pytest.raises(ConfigError, match=r"other folds.*-> run `affectflow run evaluate@visual`"):
        locate("visual", root=tmp_path).choose("best")


def test_a_pack_holds_everything_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    write_model(tmp_path)
    evaluate(tmp_path, [1])
    source = locate("visual", root=tmp_path)
    packed = []
    for name in ("a.affectflow", "b.affectflow"):
        with source.networks(tmp_path) as networks:
            pack(source, tmp_path / name, networks)
        packed.append((tmp_path / name).read_bytes())
    assert packed[0] == packed[1]
    found = locate(str(tmp_path / "a.affectflow"))
    assert (found.recipe, found.choice) == (source.recipe, source.choice)
    assert identity(found.recipe) == identity(source.recipe)
    work = tmp_path / "work"
    work.mkdir()
    with found.networks(work) as networks:
        assert [path.read_bytes() for path in networks.values()] == [f"visual {fold}".encode() for fold in range(3)]
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("entry", [RECIPE, CHOICE, "fold1.safetensors"])
def test_a_damaged_pack_is_named(entry: str, tmp_path: Path) -> None:
    write_model(tmp_path)
    evaluate(tmp_path, [1])
    source = locate("visual", root=tmp_path)
    with source.networks(tmp_path) as networks:
        pack(source, tmp_path / "good", networks)
    with zipfile.ZipFile(tmp_path / "good") as good, zipfile.ZipFile(tmp_path / "bad", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, b"nonsense" if name == entry else good.read(name))
    with pytest.raises(InputError, match="->"), locate(str(tmp_path / "bad")).networks(tmp_path / "work"):
        pass


def test_a_pack_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    networks = {"../fold0.safetensors": NetworkRecipe(fold=0, sha256="ab")}
    write_recipe(tmp_path / RECIPE, visual_recipe().model_copy(update={"networks": networks}))
    with zipfile.ZipFile(tmp_path / "bad", "w") as bad:
        bad.write(tmp_path / RECIPE, RECIPE)
        bad.writestr("../fold0.safetensors", b"x")
    with pytest.raises(InputError, match="names"):
        locate(str(tmp_path / "bad"))
    (tmp_path / "text").write_text("no zip")
    with pytest.raises(InputError, match="no packed model"):
        locate(str(tmp_path / "text"))


def test_what_is_no_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model was trained here yet.*make repro"):
        locate("visual", root=tmp_path)
    write_model(tmp_path)
    evaluate(tmp_path, [0])
    for name, words in {
        "visaul": "did you mean 'visual'",
        "other": r"not trained yet.*evaluate@other",
        "other-finetuned": r"not trained yet.*finetune@other",
        "e": "is an ensemble",
    }.items():
        with pytest.raises(InputError, match=words):
            locate(name, root=tmp_path)


def test_weights_are_found_by_their_checksum(tmp_path: Path) -> None:
    data = b"weights"
    sha = hashlib.sha256(data).hexdigest()
    recipe = with_weights(sha.upper())
    assert needed_files(recipe) == [("ir50", "w.pth", sha.upper())]
    source = ModelSource(tmp_path, recipe, None, {"ir50": tmp_path / "named.pth"})
    folders = [tmp_path / "one", tmp_path / "two"]
    with pytest.raises(InputError, match=rf"w\.pth with SHA-256 {sha.upper()} -> put the file into .*one"):
        find_weights(source, folders)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "w.pth").write_bytes(b"others")
    with pytest.raises(InputError, match=r"one/w\.pth is another file"):
        find_weights(source, folders)
    (tmp_path / "named.pth").write_bytes(data)
    # It is the right file by its checksum; that it is no checkpoint is found when it is read.
    with pytest.raises(InputError, match=r"named\.pth"):
        find_weights(source, folders)


def test_random_weights_are_made_again_from_their_seed() -> None:
    recipe = visual_recipe()
    found = find_weights(ModelSource(Path(), recipe, None, {}), [Path()])
    assert {role: weights.identity for role, weights in found.items()} == {"visual": "random:0"}


def test_other_front_ends_are_refused_all_at_once() -> None:
    recipe = visual_recipe()
    with pytest.raises(InputError, match=r"front_end colour None, now RGB"):
        check_recipe(recipe)
    stream = recipe.streams["visual"].model_copy(update={"dimension": 3})
    with pytest.raises(InputError, match="2 problems"):
        check_recipe(recipe.model_copy(update={"streams": {"visual": stream}}))
