from pathlib import Path

import pytest

from pipeline.config import Params, load
from pipeline.runtime.errors import ConfigError

ROOT = Path(__file__).parents[2]
PARAMS = """\
corpus: {{kind: affwild2, root: corpus, index: index.csv}}
backbones: {{ir50: {{weights: random}}}}
models:
  visual: {{fusion: unimodal, temporal: tcn, streams: [ir50]}}
  small: {{fusion: unimodal, temporal: tcn, streams: [ir50]}}
finetune: {{models: {{visual: {{}}}}}}
evaluate: {{top_folds: 2}}
{ensembles}
"""


def params(tmp_path: Path, ensembles: str = "") -> Params:
    (tmp_path / "params.yaml").write_text(PARAMS.format(ensembles=ensembles))
    return load(tmp_path / "params.yaml")


def test_without_the_section_there_is_none(tmp_path: Path) -> None:
    assert params(tmp_path).ensembles == {}
    assert params(tmp_path).result_names() == ("visual", "visual-finetuned", "small")


def test_ensembles_come_after_all_models_in_their_own_order(tmp_path: Path) -> None:
    read = params(
        tmp_path, "ensembles: {z: {models: [small, visual-finetuned]}, a: {models: [visual, small], top_folds: 1}}"
    )
    assert read.result_names() == ("visual", "visual-finetuned", "small", "z", "a")
    assert read.model_names() == tuple(read.evaluated())
    assert (read.ensembles["z"].combine, read.ensembles["z"].top_folds) == ("mean", None)
    assert read.ensembles["z"].models == ("small", "visual-finetuned")


@pytest.mark.parametrize(
    ("ensembles", "message"),
    [
        ("{both: {models: [visual, smal]}}", r"ensembles\.both\.models: 'smal' is no model; did you mean 'small'"),
        ("{both: {models: [visual, small-finetuned]}}", "'small-finetuned' is no model"),
        ("{small: {models: [visual, small]}}", r"ensembles\.small: a model has this name"),
        ("{visual-finetuned: {models: [visual, small]}}", r"ensembles\.visual-finetuned: a model has this name"),
        ("{a: {models: [visual, small]}, b: {models: [a, small]}}", "'a' is no model"),
        ("{both: {models: [visual]}}", r"ensembles\.both\.models"),
        ("{both: {models: [visual, visual]}}", "each member counts once, got visual, visual"),
        ("{both: {models: [a, b, c, d, e]}}", r"ensembles\.both\.models: .* at most 4"),
        ("{both: {models: [visual, small], combine: median}}", r"ensembles\.both\.combine"),
        ("{both: {models: [visual, small], combin: mean}}", "combin: unknown key; did you mean 'combine'"),
        ("{both: {models: [visual, small], top_folds: 3}}", r"top_folds is 3, but only the best 2 folds"),
        ("{both: {models: [visual, small], top_folds: 0}}", r"ensembles\.both\.top_folds"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, ensembles: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        params(tmp_path, f"ensembles: {ensembles}")


def test_members_need_equally_many_repeats(tmp_path: Path) -> None:
    sections = "training: {repeats: 3}\nensembles: {both: {models: [visual-finetuned, small]}}"
    assert params(tmp_path, sections).repeats_of("visual-finetuned") == 3
    file = tmp_path / "params.yaml"
    file.write_text(file.read_text().replace("small: {", "small: {training: {repeats: 2}, "))
    with pytest.raises(ConfigError, match=r"ensembles\.both: .* got visual-finetuned 3, small 2"):
        load(file)


def test_every_preset_has_the_section_that_the_dag_reads() -> None:
    files = [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))]
    assert len(files) > 2
    for file in files:
        assert "\nensembles:" in file.read_text(), file.name
        assert load(file).result_names()[-len(load(file).ensembles) :], file.name
