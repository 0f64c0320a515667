from pathlib import Path

import pytest

from pipeline.config import Params, load
from pipeline.finetuning.config import FinetuneConfig
from pipeline.runtime.errors import ConfigError

ROOT = Path(__file__).parents[2]
FINETUNED = {"demo-finetune.yaml": {"grjca"}, "affwild2-as-released.yaml": {"leader_follower"}}
PARAMS = """\
corpus: {{kind: affwild2, root: corpus, index: index.csv}}
backbones: {{ir50: {{weights: random}}}}
models:
  visual: {{fusion: unimodal, temporal: tcn, streams: [ir50], published: {{source: s, method: m, modality: visual}}}}
  small: {{fusion: unimodal, temporal: tcn, streams: [ir50]}}
{finetune}
"""


def params(tmp_path: Path, finetune: str = "") -> Params:
    (tmp_path / "params.yaml").write_text(PARAMS.format(finetune=finetune))
    return load(tmp_path / "params.yaml")


def test_without_the_section_nothing_is_fine_tuned(tmp_path: Path) -> None:
    assert params(tmp_path).finetune.models == {}
    assert list(params(tmp_path).evaluated()) == ["visual", "small"]


def test_overrides_come_before_the_section_and_the_section_before_the_paper(tmp_path: Path) -> None:
    read = params(tmp_path, "finetune: {epochs: 7, chunk: 8, models: {visual: {epochs: 3}, small: {}}}")
    assert (read.finetune_of("visual").epochs, read.finetune_of("small").epochs) == (3, 7)
    assert read.finetune_of("visual").chunk == 8
    assert read.finetune_of("visual").dropout == FinetuneConfig().dropout == 0.8
    assert type(read.finetune_of("visual")) is FinetuneConfig


def test_a_fine_tuned_model_follows_its_base_and_is_compared_with_a_row_of_its_own(tmp_path: Path) -> None:
    row = "{source: s, method: fine-tuned, modality: visual}"
    read = params(tmp_path, f"finetune: {{models: {{visual: {{published: {row}}}, small: {{}}}}}}").evaluated()
    assert list(read) == ["visual", "visual-finetuned", "small", "small-finetuned"]
    assert [model.published and model.published.method for model in read.values()] == ["m", "fine-tuned", None, None]
    assert read["visual-finetuned"].streams == ("ir50",)


@pytest.mark.parametrize(
    ("finetune", "message"),
    [
        ("finetune: {modles: {}}", r"finetune\.modles: unknown key; did you mean 'models'"),
        ("finetune: {models: {visaul: {}}}", "'visaul' is not in models; did you mean 'visual'"),
        ("finetune: {models: {visual: {epoch: 3}}}", r"finetune\.models\.visual[\s\S]*epoch: unknown key.*'epochs'"),
        ("finetune: {models: {visual: {published: {source: s}}}}", r"finetune\.models\.visual\.published"),
        ("finetune: {dropout: 1.0}", r"finetune\.dropout"),
        ("finetune: {chunk: 0}", r"finetune\.chunk"),
        (
            "  visual-finetuned: {fusion: unimodal, temporal: tcn, streams: [ir50]}\nfinetune: {models: {visual: {}}}",
            "fine-tuning 'visual' takes this name",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, finetune: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        params(tmp_path, finetune)


def test_every_preset_has_the_section_that_the_dag_reads() -> None:
    files = [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))]
    assert len(files) > 2
    for file in files:
        assert "\nfinetune:" in file.read_text(), file.name
        assert set(load(file).finetune.models) == FINETUNED.get(file.name, set()), file.name


def test_the_demo_with_fine_tuning_is_the_demo_otherwise() -> None:
    demo, finetuned = (load(ROOT / "presets" / f"{name}.yaml") for name in ("demo", "demo-finetune"))
    same = {"finetune": demo.finetune, "report": demo.report}
    assert finetuned.model_copy(update=same) == demo
    assert finetuned.finetune != demo.finetune
