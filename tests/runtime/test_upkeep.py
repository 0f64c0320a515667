import os
from pathlib import Path

import pytest

from pipeline.runtime.folders import work_folder
from pipeline.runtime.items import ItemCache
from pipeline.runtime.upkeep import damaged, prune, survey

DAY = 86400
NOW = 1_000_000_000.0
CLIP, FEATURES, FOLD = (64 * letter for letter in "abc")


@pytest.fixture
def cache(tmp_path: Path) -> ItemCache:
    """A clip, features and a fold, last used 40, 20 and 5 days ago; as old checkpoints; what a killed run left."""
    cache = ItemCache(tmp_path)
    for key, name, age in ((CLIP, "trial.h5", 40), (FEATURES, "features.zip", 20), (FOLD, "m.safetensors", 5)):
        with cache.create(key) as directory:
            (directory / name).write_bytes(b"x" * 100)
        os.utime(cache.record(key), (NOW - age * DAY, NOW - age * DAY))
        cache.checkpoint(key).parent.mkdir(exist_ok=True)
        cache.checkpoint(key).write_bytes(b"x" * 10)
        os.utime(cache.checkpoint(key), (NOW - age * DAY, NOW - age * DAY))
    (tmp_path / "tmp" / "killed").mkdir(parents=True)
    (tmp_path / "tmp" / "killed" / "half").write_bytes(b"x")
    (tmp_path / "tmp" / "killed.lock").touch()
    return cache


def test_the_survey_knows_every_kind(cache: ItemCache) -> None:
    assert survey(cache) == {
        "checkpoints": (3, 30),
        "clips": (1, 100),
        "features": (1, 100),
        "folds": (1, 100),
        "leftovers": (1, 1),
    }


def test_predictions_are_told_from_folds(cache: ItemCache) -> None:
    with cache.create(64 * "d") as directory:
        (directory / "predictions.safetensors").write_bytes(b"x")
    counts = survey(cache)
    assert (counts["folds"], counts["predictions"]) == ((1, 100), (1, 1))


def test_an_empty_cache_is_no_error(tmp_path: Path) -> None:
    cache = ItemCache(tmp_path / "nothing")
    assert survey(cache) == {"checkpoints": (0, 0), "leftovers": (0, 0)}
    assert prune(cache, days=0) == {"items": (0, 0), "checkpoints": (0, 0), "leftovers": (0, 0)}
    assert damaged(cache) == {}


@pytest.mark.parametrize(
    ("days", "left"), [(50, [CLIP, FEATURES, FOLD]), (30, [FEATURES, FOLD]), (10, [FOLD]), (0, [])]
)
def test_pruning_goes_by_the_last_use(cache: ItemCache, days: float, left: set[str]) -> None:
    counted = prune(cache, days=days, dry_run=True, now=NOW)
    assert cache.keys() == [CLIP, FEATURES, FOLD], "a dry run removes nothing"
    assert (cache.root / "tmp" / "killed").is_dir()
    with work_folder(cache.root / "tmp") as live:
        (cache.root / "tmp" / "killed").mkdir()
        (cache.root / "tmp" / "killed" / "half").write_bytes(b"x")
        removed = prune(cache, days=days, now=NOW)
        assert {path.name for path in (cache.root / "tmp").iterdir()} == {live.name, f"{live.name}.lock"}
    gone = 3 - len(left)
    assert counted == removed == {"items": (gone, 100 * gone), "checkpoints": (gone, 10 * gone), "leftovers": (1, 1)}
    assert cache.keys() == left
    assert sorted(path.name for path in (cache.root / "checkpoints").iterdir()) == left


def test_an_item_without_its_record_is_listed_and_pruned(cache: ItemCache) -> None:
    cache.record(FOLD).unlink()
    assert damaged(cache) == {FOLD: "its record is not readable"}
    assert prune(cache, days=1000, now=NOW)["items"] == (1, 100)
    assert cache.keys() == [CLIP, FEATURES]


def test_verification_finds_every_damaged_item(cache: ItemCache) -> None:
    (cache.path(CLIP) / "trial.h5").write_bytes(b"y" * 100)
    (cache.path(FOLD) / "m.safetensors").unlink()
    found = damaged(cache)
    assert list(found) == [CLIP, FOLD]
    assert "trial.h5" in found[CLIP]
    assert "m.safetensors" in found[FOLD]
    assert cache.keys() == [CLIP, FEATURES, FOLD], "nothing is removed unasked"
