import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import Params
from pipeline.corpora.config import AffWild2Config, RecolaConfig, TableConfig
from pipeline.media.config import FacesConfig
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.section import validate

PLACE = {"root": "corpus", "index": "index.csv"}
KINDS = {
    "affwild2": {"kind": "affwild2", **PLACE},
    "recola": {"kind": "recola", **PLACE},
    "table": {"kind": "table", "manifest": "table.csv", **PLACE},
}


def params(corpus: object) -> Params:
    data = {
        "corpus": corpus,
        "backbones": {"ir50": {"weights": "random"}},
        "models": {"visual": {"fusion": "unimodal", "temporal": "tcn", "streams": ["ir50"]}},
    }
    return validate(Params, data, at="params.yaml")


def message(corpus: object) -> str:
    with pytest.raises(ConfigError) as caught:
        params(corpus)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "section"), [("affwild2", AffWild2Config), ("recola", RecolaConfig), ("table", TableConfig)]
)
def test_the_kind_decides_the_section(kind: str, section: type) -> None:
    corpus = params(KINDS[kind]).corpus
    assert type(corpus) is section
    assert corpus.kind == kind
    assert list(corpus.targets) == ["valence", "arousal"]


def test_what_a_corpus_without_crops_says() -> None:
    corpus = params(
        {
            **KINDS["table"],
            "targets": {"fatigue": [0, 10]},
            "label_delay": {"fatigue": 2},
            "faces": {"every": 0.5, "margin": 0.2},
        }
    ).corpus
    assert isinstance(corpus, TableConfig)
    assert corpus.manifest == "table.csv"
    assert corpus.label_delay == {"fatigue": 2.0}
    assert corpus.faces == FacesConfig(every=0.5, margin=0.2)
    recola = params(KINDS["recola"]).corpus
    assert isinstance(recola, RecolaConfig)
    assert (recola.label_delay, recola.faces) == ({}, FacesConfig())


@pytest.mark.parametrize(
    ("kind", "changes", "hint"),
    [
        ("recola", {"indx": 1}, "corpus.indx: unknown key; did you mean 'index'?"),
        ("recola", {"lable_delay": {}}, "corpus.lable_delay: unknown key; did you mean 'label_delay'?"),
        ("recola", {"manifest": "x"}, "corpus.manifest: unknown key"),
        ("recola", {"image_size": 112}, "corpus.image_size: unknown key"),
        ("affwild2", {"label_delay": {}}, "corpus.label_delay: unknown key"),
        ("affwild2", {"faces": {}}, "corpus.faces: unknown key"),
        ("table", {"faces": {"evry": 5}}, "corpus.faces.evry: unknown key; did you mean 'every'?"),
        ("table", {"faces": {"every": -0.1}}, "corpus.faces.every: "),
        ("table", {"faces": {"every": 5}}, "corpus.faces.every: "),
        ("table", {"faces": {"follow": "all"}}, "corpus.faces.follow: "),
        ("table", {"faces": {"detector": "profileface"}}, "corpus.faces.detector: "),
        ("table", {"manifest": None}, "corpus.manifest: "),
        ("recola", {"label_delay": {"valence": -1}}, "corpus.label_delay.valence: "),
        ("recola", {"label_delay": {"valense": 1}}, "'valense' is no target; did you mean 'valence'?"),
        ("recola", {"targets": {"valence": [1, -1]}}, "targets.valence: the range [1.0, -1.0] is empty"),
        ("recola", {"targets": {"valence": [1]}}, "corpus.targets.valence"),
    ],
)
def test_mistakes_are_named_by_their_path_without_the_kind(kind: str, changes: dict[str, Any], hint: str) -> None:
    text = message({**KINDS[kind], **changes})
    assert hint in text
    assert f"corpus.{kind}" not in text
    assert "1 invalid" in text


def test_a_table_needs_its_manifest() -> None:
    assert "corpus.manifest: Field required" in message({"kind": "table", **PLACE})


def test_an_unknown_kind_is_told_from_the_known_ones() -> None:
    text = message({"kind": "recla", **PLACE})
    assert all(f"'{kind}'" in text for kind in KINDS)
    assert "kind" in message(PLACE)


def blocks() -> list[dict[str, Any]]:
    text = (Path(__file__).parents[2] / "docs" / "corpora.md").read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)]


def test_the_documented_keys_exist_and_the_documented_defaults_hold() -> None:
    documented = blocks()
    assert len(documented) == 4
    common, recola, table, faces = (block["corpus"] for block in documented)
    assert params(common).corpus == params({**KINDS["recola"], **common}).corpus
    section = {**KINDS["recola"], **recola}
    assert params(section).corpus == params(KINDS["recola"]).corpus
    fatigue = params(table).corpus
    assert isinstance(fatigue, TableConfig)
    assert fatigue.faces == FacesConfig.model_validate(faces["faces"]) == FacesConfig()
    # Every key of every kind is documented.
    keys = {key for block in (common, recola, table) for key in block} | {"image_size"}
    assert keys == {key for kind in (AffWild2Config, RecolaConfig, TableConfig) for key in kind.model_fields}
    assert set(faces["faces"]) == set(FacesConfig.model_fields)
