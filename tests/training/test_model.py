from pathlib import Path

from pipeline.evaluation.folds import Fold
from pipeline.models.config import ModelConfig
from pipeline.runtime.executor import Executor
from pipeline.runtime.files import sha256_file
from pipeline.runtime.items import ItemCache
from pipeline.training.frames import FrameTable
from pipeline.training.model import ModelTraining
from tests.training.conftest import MODEL, SETTINGS, TARGETS

FOLDS = [
    Fold(train=("a", "b", "c"), validation=("e",)),
    Fold(train=("a", "c", "d", "e"), validation=("b", "f")),
]


def _training(cache: Path, *, model: ModelConfig = MODEL, **changed: object) -> ModelTraining:
    return ModelTraining(
        name="grjca",
        model=model,
        training=SETTINGS.model_copy(update={"epochs": 2, **changed}),
        targets=TARGETS,
        folds=FOLDS,
        cache=ItemCache(cache),
        executor=Executor(engine="serial"),
    )


def test_a_second_run_computes_nothing(table: FrameTable, tmp_path: Path) -> None:
    first = _training(tmp_path).run(table)
    before = [(path / "fold.safetensors").stat().st_ino for path in first]
    assert len(set(first)) == 2
    assert _training(tmp_path).run(table) == first
    assert [(path / "fold.safetensors").stat().st_ino for path in first] == before


def test_what_a_model_is_compared_with_is_not_part_of_its_folds(table: FrameTable, tmp_path: Path) -> None:
    first = _training(tmp_path).run(table)
    published = {"source": "grjca Table 1", "method": "GRJCA", "modality": "fusion"}
    renamed = ModelConfig.model_validate({**MODEL.model_dump(), "published": published})
    assert _training(tmp_path, model=renamed).run(table) == first


def test_only_the_folds_that_hold_a_changed_trial_are_trained_again(table: FrameTable, tmp_path: Path) -> None:
    first = _training(tmp_path).run(table)
    labels = table.labels.copy()
    labels[table.rows("f")[0]] = 0.25
    again = _training(tmp_path).run(FrameTable(table.trials, table.streams, labels))
    assert again[0] == first[0]
    assert again[1] != first[1]


def test_a_warm_start_trains_the_unimodal_models_once(table: FrameTable, tmp_path: Path) -> None:
    cold = _training(tmp_path).run(table)
    cache = ItemCache(tmp_path)
    warm = _training(tmp_path, warm_start="unimodal").run(table)
    assert set(cold).isdisjoint(warm)
    assert len(cache.keys()) == 2 + 2 + 2 * 2
    unimodal = ModelConfig(
        fusion="unimodal", temporal="tcn", streams=("ir50",), encoders={"visual": {"channels": [8, 8]}}
    )
    _training(tmp_path, model=unimodal).run(table.only("visual"))
    assert len(cache.keys()) == 2 + 2 + 2 * 2, "the unimodal model is an item that is there already"
    assert sha256_file(warm[0] / "fold.safetensors") != sha256_file(cold[0] / "fold.safetensors")
