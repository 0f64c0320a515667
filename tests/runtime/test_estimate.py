import json
from pathlib import Path

import pytest

from pipeline.runtime.code import Code
from pipeline.runtime.estimate import COUNT, ItemCount, Pace, record_pace, recorded_pace
from pipeline.runtime.executor import Executor
from pipeline.runtime.items import Item, ItemCache, item_key, write_seeds
from pipeline.runtime.materialise import materialise
from pipeline.runtime.seeds import Seeds

CODE = Code.of("pipeline.runtime.names")


def write(payload: str, directory: Path) -> None:
    (directory / "f").write_text(payload)


def items(names: str) -> list[Item]:
    return [Item(name, item_key(name=name), name, CODE) for name in names]


def test_a_stage_counts_what_it_misses_and_computes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, serial = ItemCache(tmp_path / "cache"), Executor(engine="serial")
    built = materialise(items("ab"), write, cache=cache, executor=serial, label="spell ab")
    monkeypatch.setenv(COUNT, "1")
    with pytest.raises(ItemCount) as counted:
        materialise(items("abcde"), write, cache=cache, executor=serial, label="spell ab")
    assert len(cache.keys()) == 2
    assert (counted.value.total, counted.value.missing) == (5, 3)
    assert counted.value.pace is not None
    said = json.loads(counted.value.as_json())
    assert said["seconds"] == pytest.approx(counted.value.pace.seconds / 2 * 3)
    # What the last run's out holds need not be computed.
    seeds = Seeds(tmp_path / "seeds.json", tmp_path / "out")
    write_seeds(seeds, built.paths, cache=cache, place=lambda name, file: None)
    for key in list(cache.keys()):
        cache.remove(key)
    with pytest.raises(ItemCount) as counted:
        materialise(items("abc"), write, cache=cache, executor=serial, label="other", seeds=seeds)
    assert (counted.value.total, counted.value.missing, counted.value.pace) == (3, 1, None)
    assert json.loads(counted.value.as_json())["seconds"] is None


def test_the_pace_is_kept_by_label(tmp_path: Path) -> None:
    assert recorded_pace(tmp_path, "extract ir50") is None
    record_pace(tmp_path, "extract ir50", Pace(4, 10.0))
    assert recorded_pace(tmp_path, "extract ir50") == Pace(4, 10.0)
    assert Pace(4, 10.0).left(6) == 15.0
    assert recorded_pace(tmp_path, "extract vggish") is None
    for text in ("", "{}", '{"items": 0, "seconds": 1}', "[1]"):
        (tmp_path / "times/extract_ir50.json").write_text(text)
        assert recorded_pace(tmp_path, "extract ir50") is None
