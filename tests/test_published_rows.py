"""Every row of the published tables has a model in a preset, and docs/reproduce.md says which."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
import yaml

from pipeline.backbones.common.interface import load_backbone
from pipeline.checks import check_backbones
from pipeline.config import Params, load
from pipeline.finetuning.config import FinetuneConfig
from pipeline.models.config import ModelConfig, PublishedKey
from pipeline.report.published import PublishedRow, published_row
from pipeline.runtime.section import validate
from pipeline.training.config import TrainingConfig

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8")
IGNORED = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
RENDERED = "data/demo/corpus"
EVERY = {path.stem: load(path) for path in sorted((ROOT / "presets").glob("*.yaml"))}
PRESETS = {name: params for name, params in EVERY.items() if params.corpus.root != RENDERED}
KINDS = {"Aff-Wild2": "affwild2", "RECOLA": "recola", "Fatigue": "table"}
MODULES = {
    "2D CNN": {"cnn2d_audio", "cnn2d_visual"},
    "I3D": {"i3d"},
    "I3D-TCN": {"i3d"},
    "IResNet-50": {"ir50"},
    "LogMel": {"logmel_vgg"},
    "R(2plus1)D": {"r2plus1d"},
    "ResNet-50": {"ir50"},
    "ResNet18": {"resnet18_audio"},
    "ResNet50": {"ir50"},
    "VGGish": {"vggish"},
}
"""The modules that a name in the column of backbones stands for; the papers' ResNet-50 of faces is the IR-50."""

Row = tuple[str, str, str]


@dataclass(frozen=True)
class Claim:
    """A model of a preset that says which row it is compared with."""

    preset: str
    name: str
    model: ModelConfig
    key: PublishedKey

    @property
    def params(self) -> Params:
        return EVERY[self.preset]

    @property
    def printed(self) -> PublishedRow:
        return published_row(self.key)

    @property
    def row(self) -> Row:
        return self.key.source, self.key.method, self.key.modality


def claims_of(presets: dict[str, Params]) -> Iterator[Claim]:
    for preset, params in presets.items():
        for name, model in params.evaluated().items():
            if model.published is not None:
                yield Claim(preset, name, model, model.published)


CLAIMS = list(claims_of(PRESETS))
each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.preset}-{claim.name}")
each_preset = pytest.mark.parametrize(("preset", "params"), PRESETS.items(), ids=list(PRESETS))


def rows() -> list[dict[str, str]]:
    with (ROOT / "pipeline" / "report" / "published.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tables(heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading of docs/reproduce.md, without backticks."""
    (section,) = re.findall(rf"^## {heading}\n(.+?)(?=^## |\Z)", TEXT, flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_published_row_has_one_model_in_one_preset() -> None:
    printed = {(row["source"], row["method"], row["modality"]) for row in rows()}
    assert len(printed) == 26
    claimed = Counter(claim.row for claim in CLAIMS)
    assert set(claimed) == printed
    assert set(claimed.values()) == {1}


def test_the_demos_name_rows_that_exist() -> None:
    demos = list(claims_of({name: params for name, params in EVERY.items() if name not in PRESETS}))
    assert len(demos) >= 4
    assert all(claim.printed.ccc for claim in demos)


@each_claim
def test_a_model_predicts_what_its_row_was_measured_on(claim: Claim) -> None:
    assert claim.params.corpus.kind == KINDS[claim.printed.dataset]
    assert set(claim.params.corpus.targets) == set(claim.printed.ccc)
    # Fold 0 is the official split, or every fold has a number of its own.
    assert len(claim.printed.folds) in (0, claim.params.folds.count)
    assert claim.params.folds.scheme == ("abaw" if claim.printed.dataset == "Aff-Wild2" else "subject")


@each_claim
def test_a_model_looks_and_listens_as_its_row_says(claim: Claim) -> None:
    modalities = {load_backbone(stream).MODALITY for stream in claim.model.streams}
    if claim.key.method == "Challenge baseline":
        assert (claim.model.streams, claim.model.temporal) == (("resnet50",), "identity")
    elif claim.key.modality == "fusion":
        assert modalities == {"visual", "audio"}
    else:
        assert modalities == {claim.key.modality}
        assert claim.model.fusion == "unimodal"


@each_claim
def test_a_models_backbones_are_those_of_its_row(claim: Claim) -> None:
    for part in claim.printed.backbones.split("; "):
        letter, _, names = part.partition(": ")
        modality = {"A": "audio", "V": "visual"}.get(letter)
        if claim.key.modality not in (modality, "fusion") or modality is None:
            continue
        got = {stream for stream in claim.model.streams if modality == load_backbone(stream).MODALITY}
        wanted = [MODULES[name] for name in names.split(" + ")]
        assert len(got) == len(wanted)
        assert any(got == set(choice) for choice in product(*wanted))


def test_the_docs_table_is_what_the_presets_say() -> None:
    found = {tuple(row) for row in tables("Which row is which model")}
    assert len(found) == len(CLAIMS)
    for claim in CLAIMS:
        ccc = " ".join(f"{value:.3f}" for value in claim.printed.ccc.values())
        assert (*claim.row, ccc, claim.preset, claim.name) in found


def test_the_docs_weights_are_those_of_the_presets() -> None:
    wanted: dict[str, set[str]] = {}
    for params in PRESETS.values():
        for name, backbone in params.backbones.items():
            wanted.setdefault(Path(backbone.weights).name, set()).add(name)
    found = {row[0]: set(row[1].split(", ")) for row in tables("Weights")}
    assert found == wanted
    assert len(found) >= 8


def test_the_docs_needs_are_those_of_the_presets() -> None:
    found = {row[0]: row[1:] for row in tables("What each preset needs")}
    assert set(found) == set(PRESETS)
    for name, (root, backbones, extra) in found.items():
        params = PRESETS[name]
        assert root == params.corpus.root
        assert set(backbones.split(", ")) == set(params.backbones)
        sizes = [f"{size} px" for size in params.clips.other_face_sizes]
        rates = [f"{rate} Hz" for rate in params.clips.other_sample_rates]
        assert extra == (", ".join([*sizes, *rates]) or "–")


def test_the_docs_name_the_values_that_no_paper_gives() -> None:
    decided = {row[0]: row[2] for row in tables("What was decided here")}
    training, tuning = TrainingConfig(), FinetuneConfig()
    assert f"hop {training.hop}," in decided["GRJCA: hop of the windows"]
    assert f"early_stopping {training.early_stopping} epochs" in decided["GRJCA: early stopping"]
    assert f"min_learning_rate {training.min_learning_rate}," in decided["GRJCA: least learning rate"]
    (dropout,) = (text for question, text in decided.items() if "dropout 0.8" in question)
    assert f"finetune.dropout {tuning.dropout} in the head" in dropout
    assert "the 0.5 that" in dropout
    # The tables say of these that they have GRJCA's training values.
    for name in ("grjca", "jca", "rjca", "cross-attention", "two-stream", "interactive"):
        of_preset = PRESETS[f"affwild2-{name}"].training
        for value in ("hop", "early_stopping", "min_learning_rate"):
            assert getattr(of_preset, value) == getattr(training, value)


def test_the_docs_fine_tuning_fits_its_preset() -> None:
    (text,) = re.findall(r"```yaml\n(finetune:.+?)```", TEXT, flags=re.DOTALL)
    data = yaml.safe_load((ROOT / "presets" / "affwild2-grjca.yaml").read_text(encoding="utf-8"))
    data["finetune"] |= yaml.safe_load(text)["finetune"]
    params = validate(Params, data, at="the docs")
    tuned = params.evaluated()["grjca-finetuned"]
    assert tuned.published == params.models["grjca"].published
    assert params.finetune_of("grjca").frozen == ("vggish",)


@each_preset
def test_a_preset_uses_every_backbone_and_asks_of_its_clips_just_what_they_need(preset: str, params: Params) -> None:
    assert set(params.backbones) == {stream for model in params.models.values() for stream in model.streams}
    check_backbones(params)
    datasets = {dataset for name in params.backbones for dataset in load_backbone(name).DATASETS}
    asked = {f"faces_{size}" for size in params.clips.other_face_sizes}
    asked |= {f"audio_{rate}" for rate in params.clips.other_sample_rates}
    assert asked == datasets - {"faces", "audio"}


@each_preset
def test_a_presets_weights_are_files_and_their_checksums_are_whole(preset: str, params: Params) -> None:
    for backbone in params.backbones.values():
        assert Path(backbone.weights).parent == Path("data/weights")
        assert backbone.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", backbone.sha256)


@each_preset
def test_neither_corpora_nor_weights_can_reach_git(preset: str, params: Params) -> None:
    assert f"/{params.corpus.root}" in IGNORED
    assert f"/{params.corpus.index}" not in IGNORED
    assert {f"/{Path(backbone.weights).parent.as_posix()}" for backbone in params.backbones.values()} <= set(IGNORED)
