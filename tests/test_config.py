import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline import config as params
from pipeline.backbones.common.config import BackboneConfig
from pipeline.checks import check_models
from pipeline.clips.target import TargetsConfig
from pipeline.config import Params, load
from pipeline.corpora import config as corpus
from pipeline.ingest import config as data
from pipeline.models.config import ModelConfig
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.section import Section, nearest, validate
from pipeline.training import config as training
from pipeline.training.config import TrainingConfig

ROOT = Path(__file__).parents[1]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
MINIMAL: dict[str, Any] = {
    "corpus": {"kind": "affwild2", "root": "corpus", "index": "index.csv"},
    "backbones": {"ir50": {"weights": "random"}, "vggish": {"weights": "random"}},
    "models": {"grjca": {"fusion": "gated_joint_cross_attention", "streams": ["ir50", "vggish"], "temporal": "tcn"}},
}


def changed(path: str, value: object) -> dict[str, Any]:
    data = copy.deepcopy(MINIMAL)
    *sections, key = path.split(".")
    place = data
    for section in sections:
        place = place.setdefault(section, {})
    place[key] = value
    return data


def message(data: object) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(Params, data, at="params.yaml")
    return str(caught.value)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_presets_models_name_the_streams_that_dvc_reads(path: Path) -> None:
    models = yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    assert models
    assert all(2 <= len(model["streams"]) <= 3 for model in models.values())


def test_a_stream_named_twice_counts_once() -> None:
    model = ModelConfig(fusion="unimodal", temporal="tcn", streams=("ir50", "ir50"))
    assert model.streams == ("ir50",)
    assert model == ModelConfig(fusion="unimodal", temporal="tcn", streams=("ir50",))


def test_there_are_presets() -> None:
    assert "demo" in [path.stem for path in PRESETS]
    assert len(PRESETS) >= 2


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_preset_loads_with_models_that_exist(path: Path) -> None:
    params = load(path)
    assert params.models
    check_models(params)


def test_params_yaml_is_the_demo() -> None:
    assert (ROOT / "params.yaml").read_bytes() == (ROOT / "presets" / "demo.yaml").read_bytes()


def test_the_minimum_is_enough() -> None:
    params = validate(Params, MINIMAL, at="params.yaml")
    assert params.training == TrainingConfig()
    assert list(params.corpus.targets) == ["valence", "arousal"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("trainin", "trainin: unknown key; did you mean 'training'?"),
        ("training.learning_rte", "training.learning_rte: unknown key; did you mean 'learning_rate'?"),
        ("corpus.indx", "corpus.indx: unknown key; did you mean 'index'?"),
        ("backbones.ir50.weight", "backbones.ir50.weight: unknown key; did you mean 'weights'?"),
        ("models.grjca.stream", "models.grjca.stream: unknown key; did you mean 'streams'?"),
        ("models.grjca.published.methd", "models.grjca.published.methd: unknown key; did you mean 'method'?"),
        ("compute.zzz", "compute.zzz: unknown key; known: device, engine, numerics, workers"),
    ],
)
def test_an_unknown_key_names_itself_and_its_nearest_neighbour(path: str, hint: str) -> None:
    assert hint in message(changed(path, 1))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.epochs", "20"),
        ("training.epochs", 20.5),
        ("training.epochs", True),
        ("training.learning_rate", "1e-4"),
        ("training.gaps", "maks"),
        ("clips.face_size", 39),
        ("clips.other_face_sizes", [39]),
        ("clips.other_face_sizes", 112),
        ("clips.other_sample_rates", [0]),
        ("folds.count", 1),
        ("backbones.ir50.batch", 0),
        ("backbones.ir50.weights", None),
        ("models.grjca.streams", []),
        ("models.grjca.streams", ["ir50", "vggish", "ir50", "vggish"]),
        ("models.grjca.streams", "ir50"),
        ("compute.workers", "many"),
        ("corpus.targets.valence", [1]),
    ],
)
def test_a_wrong_value_is_named_by_its_path(path: str, value: object) -> None:
    assert path in message(changed(path, value))


def test_all_mistakes_are_told_at_once() -> None:
    data = changed("training.epochs", -1)
    data["training"]["wndow"] = 3
    data["folds"] = {"count": "six"}
    text = message(data)
    assert "3 invalid" in text
    assert all(path in text for path in ("training.epochs", "training.wndow", "folds.count"))


def test_a_stream_that_is_no_backbone_is_named() -> None:
    text = message(changed("models.grjca.streams", ["ir50", "vgish"]))
    assert "models.grjca.streams: 'vgish' is not in backbones; did you mean 'vggish'?" in text


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (changed("corpus.targets", {}), "at least one"),
        (changed("corpus.targets", {"fatigue": [10, 0]}), "targets.fatigue: the range [10.0, 0.0] is empty"),
        (changed("training", {"window": 100, "hop": 200}), "hop 200 exceeds window 100"),
        (changed("clips.other_face_sizes", [48]), "other_face_sizes: each size or rate is stored once, got [48, 48]"),
        (
            changed("clips.other_sample_rates", [44100, 8000, 44100]),
            "other_sample_rates: each size or rate is stored once, got [16000, 44100, 8000, 44100]",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(data: object, hint: str) -> None:
    assert hint in message(data)


def test_a_models_own_training_is_checked_too(tmp_path: Path) -> None:
    data = changed("models.grjca.training", {"epoch": 3})
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=r"(?s)models\.grjca\.training.*epoch: unknown key; did you mean 'epochs'"):
        load(path)


def test_a_models_own_training_wins() -> None:
    params = validate(Params, changed("models.grjca.training", {"epochs": 3}), at="params.yaml")
    assert params.training_of("grjca") == TrainingConfig(epochs=3)


def test_unreadable_files_are_config_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "missing.yaml")
    path = tmp_path / "params.yaml"
    path.write_text("corpus: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        load(path)
    path.write_text("")
    with pytest.raises(ConfigError, match=r"params\.yaml"):
        load(path)


def test_sections_are_frozen() -> None:
    with pytest.raises(ValidationError):
        TrainingConfig().epochs = 3


def test_scientific_notation_is_a_number(tmp_path: Path) -> None:
    """YAML 1.1 reads ``1e-4`` as a text; params.yaml is YAML 1.2, as DVC reads it."""
    data = yaml.safe_dump(MINIMAL) + "training: {learning_rate: 1e-4}\n"
    (tmp_path / "params.yaml").write_text(data)
    assert load(tmp_path / "params.yaml").training.learning_rate == 1e-4


def sections() -> dict[str, type[Section]]:
    return {
        name: value
        for module in (corpus, data, params, training)
        for name, value in vars(module).items()
        # TargetsConfig is the part of `corpus` that every stage reads; each kind checks the other keys.
        if isinstance(value, type) and issubclass(value, Section) and value not in (Section, TargetsConfig)
    }


@pytest.mark.parametrize("section", sections().values(), ids=lambda section: section.__name__)
def test_every_section_is_closed_strict_and_described(section: type[Section]) -> None:
    assert section.model_config == {"frozen": True, "extra": "forbid", "strict": True}
    assert section.__doc__


def test_what_decides_a_network_leaves_out_training_and_publication() -> None:
    params = validate(Params, changed("models.grjca.training", {"epochs": 3}), at="params.yaml")
    architecture = params.models["grjca"].architecture()
    assert architecture["streams"] == ["ir50", "vggish"]
    assert not {"training", "published"} & set(architecture)


@given(name=st.text(max_size=8), known=st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=5))
def test_the_nearest_name_is_a_known_one(name: str, known: set[str]) -> None:
    text = nearest(name, dict.fromkeys(known))
    assert any(repr(one) in text for one in known) or text == f"; known: {', '.join(sorted(known))}"


def test_defaults_are_valid_values() -> None:
    for section in sections().values():
        if not any(field.is_required() for field in section.model_fields.values()):
            validate(section, section().model_dump(mode="json"), at="defaults")
    assert BackboneConfig(weights="random").store == "float16"


@pytest.mark.parametrize("section", ["models", "backbones", "ensembles"])
@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a/b", "a b", "é", "a\nb", "", "zarr.json"])
def test_a_name_that_becomes_a_path_stays_in_its_folder(section: str, name: str) -> None:
    entries = {
        "models": MINIMAL["models"]["grjca"],
        "backbones": {"weights": "random"},
        "ensembles": {"models": ["grjca", "grjca"]},
    }
    found = message(changed(f"{section}", {**MINIMAL.get(section, {}), name: entries[section]}))
    assert f"  {section}.{name}: {name!r} is " in found
    assert "use at most 100 of a-z" in found


@pytest.mark.parametrize(
    ("targets", "fault"),
    [
        ({"../valence": [-1, 1]}, "'../valence' is no name for a file"),
        ({"Valence": [-1, 1], "valence": [0, 1]}, "must differ in more than case"),
        ({"valence": [-1e308, 1e308]}, "is empty or endless"),
    ],
)
def test_targets_are_names_with_a_range(targets: dict[str, list[float]], fault: str) -> None:
    assert fault in message(changed("corpus.targets", targets))


@pytest.mark.parametrize("sample", ["sample.txt", "/data/sample.txt", "data/sample/../x.txt", "data/samples/x.txt"])
def test_a_sample_lies_where_a_change_is_noticed(sample: str) -> None:
    found = message(changed("corpus.sample", sample))
    assert "put the file, or a link to it, into data/sample: changes are noticed there alone" in found
    assert validate(Params, changed("corpus.sample", "data/sample/x.txt"), at="params.yaml").corpus.sample
