from pathlib import Path

import pytest

from pipeline.evaluation.folds import Fold
from pipeline.evaluation.runs import Run, all_runs
from pipeline.models.config import ModelConfig
from pipeline.models.trained import TrainedFold
from pipeline.runtime import executor as executors
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.executor import Executor
from pipeline.runtime.files import sha256_file
from pipeline.runtime.items import ItemCache
from pipeline.training.frames import FrameTable
from pipeline.training.history import FOLD
from pipeline.training.model import ModelTraining
from tests.training.conftest import MODEL, SETTINGS, TARGETS

FOLDS = [
    Fold(train=("a", "b", "c"), validation=("e",)),
    Fold(train=("a", "c", "d", "e"), validation=("b", "f")),
]


def _training(
    cache: Path, *, model: ModelConfig = MODEL, executor: Executor | None = None, **changed: object
) -> ModelTraining:
    return ModelTraining(
        name="grjca",
        model=model,
        training=SETTINGS.model_copy(update={"epochs": 2, **changed}),
        targets=TARGETS,
        folds=FOLDS,
        cache=ItemCache(cache),
        executor=executor or Executor(engine="serial"),
    )


def test_a_second_run_computes_nothing(table: FrameTable, tmp_path: Path) -> None:
    first = _training(tmp_path).run(table)
    before = [(path / "fold.safetensors").stat().st_ino for path in first.values()]
    assert list(first) == [Run(0), Run(1)]
    assert len(set(first.values())) == 2
    assert _training(tmp_path).run(table) == first
    assert [(path / "fold.safetensors").stat().st_ino for path in first.values()] == before


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_trains_in_what_the_processor_computes_and_is_the_item_of_that_precision(
    table: FrameTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool, expected: str
) -> None:
    monkeypatch.setattr(executors, "computes_bfloat16", lambda device: native)
    auto = _training(tmp_path, precision="auto").run(table)
    assert auto == _training(tmp_path, precision=expected).run(table)
    assert {TrainedFold.load(path / FOLD).metadata["training"]["precision"] for path in auto.values()} == {expected}
    assert len(ItemCache(tmp_path).keys()) == 2


def test_portable_numerics_refuse_bfloat16_before_anything_is_trained(table: FrameTable, tmp_path: Path) -> None:
    executor = Executor(engine="serial", numerics="portable")
    with pytest.raises(ConfigError, match=r"'portable', but a precision is 'bfloat16'"):
        _training(tmp_path, executor=executor, precision="bfloat16").run(table)
    assert ItemCache(tmp_path).keys() == []


def test_more_repeats_train_with_other_seeds_and_leave_the_first(table: FrameTable, tmp_path: Path) -> None:
    once = _training(tmp_path).run(table)
    thrice = _training(tmp_path, repeats=3).run(table)
    assert list(thrice) == all_runs(range(2), repeats=3)
    assert {run: thrice[run] for run in once} == once, "the first repeat is what a model is that was trained once"
    metadata = {run: TrainedFold.load(path / FOLD).metadata for run, path in thrice.items()}
    seeds = {run: found["seed"] for run, found in metadata.items()}
    assert seeds == {run: SETTINGS.seed + run.fold + 1000 * run.repeat for run in thrice}
    assert len({sha256_file(path / FOLD) for path in thrice.values()}) == 6
    # A repeat is the item of a model that is configured with its seed.
    alone = _training(tmp_path, seed=SETTINGS.seed + 2000).run(table)
    assert alone == {Run(fold): thrice[Run(fold, 2)] for fold in (0, 1)}
    assert len(ItemCache(tmp_path).keys()) == 6


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
    assert again[Run(0)] == first[Run(0)]
    assert again[Run(1)] != first[Run(1)]


def test_a_warm_start_trains_the_unimodal_models_once(table: FrameTable, tmp_path: Path) -> None:
    cold = _training(tmp_path).run(table)
    cache = ItemCache(tmp_path)
    warm = _training(tmp_path, warm_start="unimodal").run(table)
    assert set(cold.values()).isdisjoint(warm.values())
    assert len(cache.keys()) == 2 + 2 + 2 * 2
    unimodal = ModelConfig(
        fusion="unimodal", temporal="tcn", streams=("ir50",), encoders={"visual": {"channels": [8, 8]}}
    )
    _training(tmp_path, model=unimodal).run(table.only("visual"))
    assert len(cache.keys()) == 2 + 2 + 2 * 2, "the unimodal model is an item that is there already"
    assert sha256_file(warm[Run(0)] / FOLD) != sha256_file(cold[Run(0)] / FOLD)


def test_a_repeat_starts_warm_from_the_same_repeat(table: FrameTable, tmp_path: Path) -> None:
    warm = _training(tmp_path, warm_start="unimodal", repeats=2, epochs=1).run(table)
    cache = ItemCache(tmp_path)
    assert len(cache.keys()) == 3 * 2 * 2
    seed = SETTINGS.seed + 1000
    second = _training(tmp_path, warm_start="unimodal", seed=seed, epochs=1).run(table)
    assert second == {Run(fold): warm[Run(fold, 1)] for fold in (0, 1)}
    assert len(cache.keys()) == 3 * 2 * 2, "its unimodal models are there already"
