"""Items taken from the results of the last run, in the workspace or in DVC's cache."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.runtime.code import Code
from pipeline.runtime.executor import Executor
from pipeline.runtime.items import Item, ItemCache, item_key, write_seeds
from pipeline.runtime.materialise import Materialised, materialise
from pipeline.runtime.restore import Recorded
from pipeline.runtime.seeds import Seeds

SERIAL = Executor(engine="serial", device="cpu")
CODE = Code.of("pipeline.runtime.files")


def make(payload: str, directory: Path) -> None:
    (directory / "deep").mkdir()
    (directory / "deep" / "data").write_text(payload)
    (directory / "summary.json").write_text(f'{{"of": "{payload}"}}')


def items(*names: str) -> list[Item]:
    return [Item(name, item_key(payload=name), name, CODE) for name in names]


Run = Callable[..., Materialised]


@pytest.fixture
def seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seeds:
    """An out of two items with its table; the summaries are in the table alone."""
    monkeypatch.chdir(tmp_path)
    seeds = Seeds(Path("items/out.json"), Path("out"))
    cache = ItemCache(tmp_path / "first")
    done = materialise(items("a", "b"), make, cache=cache, executor=SERIAL, label="test")
    for name, path in done.paths.items():
        (seeds.out / name).mkdir(parents=True)
        (seeds.out / name / "data").write_bytes((path / "deep" / "data").read_bytes())
    write_seeds(
        seeds, done.paths, cache=cache, place=lambda name, file: f"{name}/data" if file.endswith("data") else None
    )
    return seeds


def run(seeds: Seeds, folder: Path, *names: str) -> Materialised:
    cache = ItemCache(folder / "second")
    return materialise(items(*names), make, cache=cache, executor=SERIAL, label="test", seeds=seeds)


def test_what_the_out_holds_is_not_computed(seeds: Seeds, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        done = run(seeds, tmp_path, "a", "b", "c")
    assert done.computed == ("c",)
    assert (done.paths["b"] / "deep" / "data").read_text() == "b"
    assert (done.paths["b"] / "summary.json").read_text() == '{"of": "b"}'
    assert "test: 2 of 3 taken from the results of the last run" in caplog.text


def test_dvcs_cache_serves_where_the_workspace_has_nothing(
    seeds: Seeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "dvc"
    entries = []
    for number, path in enumerate(sorted(path for path in seeds.out.rglob("*") if path.is_file())):
        kept = store / "files" / "md5" / "00" / str(number)
        kept.parent.mkdir(parents=True, exist_ok=True)
        path.rename(kept)
        entries.append({"relpath": path.relative_to(seeds.out).as_posix(), "md5": f"00{number}"})
    (store / "files" / "md5" / "11").mkdir()
    (store / "files" / "md5" / "11" / "tree.dir").write_text(json.dumps(entries))
    seeds.table.rename(store / "files" / "md5" / "11" / "table")
    outs = [{"path": str(seeds.out), "md5": "11tree.dir"}, {"path": str(seeds.table), "md5": "11table"}]
    Path("dvc.lock").write_text(json.dumps({"stages": {"make": {"outs": outs}}}))
    monkeypatch.setattr(Recorded, "cache", store)
    assert run(seeds, tmp_path, "a", "b").computed == ()


def damage_file(seeds: Seeds) -> None:
    (seeds.out / "a" / "data").write_text("x")


def lose_file(seeds: Seeds) -> None:
    (seeds.out / "a" / "data").unlink()


def damage_text(seeds: Seeds) -> None:
    seeds.table.write_text(seeds.table.read_text().replace('{\\"of\\": \\"a\\"}', '{\\"of\\": \\"x\\"}'))


@pytest.mark.parametrize("damage", [damage_file, lose_file, damage_text])
def test_what_does_not_fit_is_computed(seeds: Seeds, tmp_path: Path, damage: Callable[[Seeds], None]) -> None:
    damage(seeds)
    done = run(seeds, tmp_path, "a", "b")
    assert done.computed == ("a",)
    assert (done.paths["a"] / "deep" / "data").read_text() == "a"
    assert (done.paths["a"] / "summary.json").read_text() == '{"of": "a"}'


@pytest.mark.parametrize("text", ["", "[]", "{", '{"key": 1}'])
def test_a_broken_table_seeds_nothing(seeds: Seeds, tmp_path: Path, text: str) -> None:
    seeds.table.write_text(text)
    assert run(seeds, tmp_path, "a").computed == ("a",)


def test_a_table_cannot_write_outside_its_item(seeds: Seeds, tmp_path: Path) -> None:
    table = json.loads(seeds.table.read_text())
    for files in table.values():
        files["../escaped"] = files.pop("summary.json")
    seeds.table.write_text(json.dumps(table))
    assert run(seeds, tmp_path, "a").computed == ("a",)


def test_the_same_items_give_the_same_table(seeds: Seeds, tmp_path: Path) -> None:
    before = seeds.table.read_bytes()
    cache = ItemCache(tmp_path / "third")
    done = materialise(items("b", "a"), make, cache=cache, executor=SERIAL, label="test")
    write_seeds(
        seeds, done.paths, cache=cache, place=lambda name, file: f"{name}/data" if file.endswith("data") else None
    )
    assert seeds.table.read_bytes() == before


def test_preparations_are_made_only_where_something_is_computed(seeds: Seeds, tmp_path: Path) -> None:
    calls: list[str] = []
    cache = ItemCache(tmp_path / "second")
    for names in (("a", "b"), ("c",)):
        materialise(
            items(*names),
            make,
            cache=cache,
            executor=SERIAL,
            label="test",
            seeds=seeds,
            before=lambda: calls.append("weights"),
        )
        assert calls == ([] if names == ("a", "b") else ["weights"])
