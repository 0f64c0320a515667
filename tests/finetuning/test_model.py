from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.backbones.common.config import BackboneConfig
from pipeline.clips.clip import read_clip, write_clip
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.folds import Fold, Folds
from pipeline.evaluation.runs import Run, all_runs, find_runs
from pipeline.evaluation.scoring import score_predictions
from pipeline.finetuning.model import ModelFinetuning
from pipeline.models.trained import TrainedFold
from pipeline.runtime.errors import ConfigError, InputError
from pipeline.runtime.executor import Executor
from pipeline.runtime.files import assemble, sha256_file
from pipeline.runtime.items import ItemCache
from pipeline.training.history import FOLD, HISTORY, History
from tests.finetuning.factory import (
    MODEL,
    QUICK,
    TARGETS,
    TEST,
    TRAIN,
    TRAINING,
    VALIDATION,
    narrow_backbones,
    train_base,
    write_clips,
)

FOLDS = Folds("subject", (Fold(TRAIN, VALIDATION), Fold((*TRAIN[:2], *VALIDATION), TRAIN[2:])), TEST)


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    with narrow_backbones():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips, two trained folds, and a cache."""
    folder = tmp_path_factory.mktemp("model")
    clips = write_clips(folder / "clips")
    base = train_base(folder / "base", clips)
    (folder / "grjca").mkdir()
    for number in (0, 1):
        assemble(base, folder / "grjca" / f"fold{number}.safetensors")
    return folder


def finetuning_of(folder: Path, **changed: Any) -> ModelFinetuning:
    finetuning = ModelFinetuning(
        name="grjca",
        model=MODEL,
        backbones={name: BackboneConfig(weights="random") for name in ("ir50", "vggish", "i3d")},
        finetune=QUICK.model_copy(update={"epochs": 1, "windows": 2}),
        folds=FOLDS,
        clips=folder / "clips",
        digests={path.stem: read_clip(path).digest() for path in sorted((folder / "clips").glob("*.h5"))},
        cache=ItemCache(folder / "cache"),
        executor=Executor(engine="serial"),
    )
    return replace(finetuning, **changed)


def keys(finetuning: ModelFinetuning, folder: Path) -> list[str]:
    streams = finetuning._streams()
    bases = find_runs(folder / "grjca", folds=2, remedy="")
    return [finetuning._item(run, base, streams).key for run, base in bases.items()]


def test_folds_are_fine_tuned_once_and_scored_like_any_models(folder: Path) -> None:
    first = finetuning_of(folder).run(folder / "grjca")
    assert list(first.runs) == [Run(0), Run(1)]
    assert len(set(first.runs.values())) == 2
    assert set(first.predictions) == {
        *((Run(0), trial) for trial in (*VALIDATION, *TEST)),
        *((Run(1), trial) for trial in (*TRAIN[2:], *TEST)),
    }
    before = [(path / "fold.safetensors").stat().st_ino for path in first.runs.values()]
    assert finetuning_of(folder).run(folder / "grjca") == first
    assert [(path / "fold.safetensors").stat().st_ino for path in first.runs.values()] == before

    config = EvaluateConfig(top_folds=1)
    evaluation = score_predictions(
        "x",
        lambda wanted: {place: first.predictions[place] for place in wanted},
        runs=list(first.runs),
        folds=FOLDS,
        clips=folder / "clips",
        ranges=TARGETS,
        config=config,
    )
    assert {one.trial for one in evaluation.validation} == {*VALIDATION, *TRAIN[2:]}
    assert [one.trial for one in evaluation.test] == list(TEST)
    assert set(evaluation.folds) == {0, 1}
    assert evaluation.test[0].labels is None
    assert "stage_visual" in evaluation.test[0].attention
    for number, scores in evaluation.folds.items():
        p = History.read(first.runs[Run(number)] / HISTORY).summary["p"]
        assert sum(score.ccc for score in scores.values()) / 2 == pytest.approx(p, abs=1e-6)


def test_a_changed_test_trial_is_predicted_again_and_no_fold_is_fine_tuned(folder: Path) -> None:
    first = finetuning_of(folder).run(folder / "grjca")
    path = folder / "clips" / f"{TEST[0]}.h5"
    original = read_clip(path)
    write_clip(path, replace(original, audio=original.audio[::-1].copy()))
    again = finetuning_of(folder).run(folder / "grjca")
    write_clip(path, original)
    assert again.runs == first.runs
    changed = {place for place, path in again.predictions.items() if path != first.predictions[place]}
    assert changed == {(Run(0), TEST[0]), (Run(1), TEST[0])}


@pytest.mark.parametrize(("trial", "stage"), [(TRAIN[0], "finetune"), (TEST[0], "predict")])
def test_a_clip_that_is_not_the_manifests_is_refused(folder: Path, trial: str, stage: str) -> None:
    finetuning_of(folder).run(folder / "grjca")
    digests = {**finetuning_of(folder).digests, trial: "another"}
    with pytest.raises(InputError, match=rf"^{stage} grjca.*\n.*trial {trial}: its content is not what data/clips"):
        finetuning_of(folder, digests=digests).run(folder / "grjca")


@pytest.mark.slow
def test_every_repeat_is_fine_tuned_from_its_own_start(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "grjca").mkdir()
    training = TRAINING.model_copy(update={"epochs": 2})
    for repeat in (0, 1):
        base = train_base(tmp_path / str(repeat), folder / "clips", training=training.of_repeat(repeat))
        for number in (0, 1):
            assemble(base, tmp_path / "grjca" / Run(number, repeat).file)
    tuned = finetuning_of(folder).run(tmp_path / "grjca")
    assert list(tuned.runs) == all_runs(range(2), repeats=2)
    seeds = [TrainedFold.load(tmp_path / "grjca" / run.file).metadata["seed"] for run in (Run(0), Run(0, 1))]
    assert seeds[1] == seeds[0] + 1000
    assert len({sha256_file(path / FOLD) for path in tuned.runs.values()}) == 4
    evaluation = score_predictions(
        "x",
        lambda wanted: {place: tuned.predictions[place] for place in wanted},
        runs=list(tuned.runs),
        folds=FOLDS,
        clips=folder / "clips",
        ranges=TARGETS,
        config=EvaluateConfig(top_folds=1),
    )
    for number, repeats in evaluation.repeats.items():
        for repeat, scores in enumerate(repeats):
            p = History.read(tuned.runs[Run(number, repeat)] / HISTORY).summary["p"]
            assert sum(score.ccc for score in scores.values()) / 2 == pytest.approx(p, abs=1e-6)


def test_a_folds_key_holds_all_that_reaches_it_and_nothing_else(folder: Path) -> None:
    first = keys(finetuning_of(folder), folder)
    assert keys(finetuning_of(folder, name="other"), folder) == first
    digests = finetuning_of(folder).digests
    assert keys(finetuning_of(folder, digests={**digests, "z": "of no fold"}), folder) == first
    changed: list[dict[str, Any]] = [
        {"digests": {**digests, TRAIN[0]: "new"}},
        {"finetune": QUICK.model_copy(update={"epochs": 2, "windows": 2})},
        {"backbones": {name: BackboneConfig(weights="random", seed=1) for name in ("ir50", "vggish")}},
        {"backbones": {name: BackboneConfig(weights="random", batch=8) for name in ("ir50", "vggish")}},
    ]
    for change in changed:
        other = keys(finetuning_of(folder, **change), folder)
        assert all(one != two for one, two in zip(first, other, strict=True)), change


def test_only_folds_from_a_changed_start_are_fine_tuned_again(folder: Path, tmp_path: Path) -> None:
    first = keys(finetuning_of(folder), folder)
    (tmp_path / "grjca").mkdir()
    assemble(folder / "grjca" / "fold0.safetensors", tmp_path / "grjca" / "fold0.safetensors")
    data = (folder / "grjca" / "fold1.safetensors").read_bytes()
    (tmp_path / "grjca" / "fold1.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    again = keys(finetuning_of(folder), tmp_path)
    assert again[0] == first[0]
    assert again[1] != first[1]


def test_a_missing_start_names_what_to_run(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 problems[\s\S]*fold1\.safetensors: fold 1 was not trained.*train@grjca"):
        finetuning_of(folder).run(tmp_path)


def test_backbones_that_cannot_be_fine_tuned_or_are_not_there_are_refused(folder: Path) -> None:
    model = MODEL.model_copy(update={"streams": ("i3d", "vggish")})
    with pytest.raises(ConfigError, match="'i3d' cannot be fine-tuned"):
        finetuning_of(folder, model=model).run(folder / "grjca")
    finetune = QUICK.model_copy(update={"frozen": ("resnet50",)})
    with pytest.raises(ConfigError, match=r"frozen: 'resnet50' is no stream of grjca, which has ir50, vggish"):
        finetuning_of(folder, finetune=finetune).run(folder / "grjca")
