import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.config import FoldsConfig
from pipeline.runtime.code import Code, source_path
from pipeline.runtime.errors import AffectflowError, InputError, Problem
from pipeline.runtime.executor import Executor
from pipeline.runtime.files import sha256_file
from pipeline.runtime.folders import LOCK
from pipeline.runtime.items import Item, ItemCache, cache_root, item_key, libraries
from pipeline.runtime.loaded import SOURCES
from pipeline.runtime.materialise import _compute, _Job, look_up, materialise

SERIAL = Executor(engine="serial", device="cpu")
KEY = "ab" * 32
CODE = Code.of("pipeline.runtime.files")


@pytest.fixture
def cache(tmp_path: Path) -> ItemCache:
    return ItemCache(tmp_path / "cache")


def put(cache: ItemCache, key: str, **files: str) -> Path:
    with cache.create(key) as directory:
        for name, text in files.items():
            (directory / name).write_text(text)
    return cache.path(key)


# --- keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(parts=st.dictionaries(st.text(min_size=1), VALUES, min_size=1, max_size=4))
def test_a_key_does_not_depend_on_the_order_in_which_parts_are_named(parts: dict[str, Any]) -> None:
    assert item_key(**parts) == item_key(**dict(reversed(parts.items())))


@given(first=VALUES, second=VALUES)
def test_different_values_give_different_keys(first: object, second: object) -> None:
    same = repr(first) == repr(second)
    assert (item_key(part=first) == item_key(part=second)) == same


def test_the_order_within_a_mapping_counts() -> None:
    # The targets' order is that of the labels' columns.
    assert item_key(targets={"valence": 1, "arousal": 1}) != item_key(targets={"arousal": 1, "valence": 1})


def test_a_section_counts_by_its_values() -> None:
    assert item_key(folds=FoldsConfig(count=4)) == item_key(folds=FoldsConfig(count=4))
    assert item_key(folds=FoldsConfig(count=4)) != item_key(folds=FoldsConfig(count=5))


@pytest.mark.parametrize("value", [{1, 2}, Path("clip.h5"), float("nan")])
def test_what_has_no_canonical_text_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        item_key(part=value)


# --- one item


def test_an_item_comes_back_as_it_was_written(cache: ItemCache) -> None:
    assert cache.get(KEY) is None
    put(cache, KEY, one="1", two="2")
    path = cache.get(KEY)
    assert path is not None
    assert {file.name: file.read_text() for file in path.iterdir()} == {"one": "1", "two": "2"}
    assert cache.keys() == [KEY]


def test_files_in_folders_belong_to_the_item(cache: ItemCache) -> None:
    with cache.create(KEY) as directory:
        (directory / "array" / "c").mkdir(parents=True)
        (directory / "array" / "c" / "0").write_bytes(b"\0" * 64)
    path = cache.get(KEY)
    assert path is not None
    assert (path / "array" / "c" / "0").read_bytes() == b"\0" * 64
    (cache.path(KEY) / "array" / "c" / "0").write_bytes(b"\0" * 63 + b"\1")
    assert cache.get(KEY) is None


def test_an_item_whose_function_raises_leaves_nothing(cache: ItemCache) -> None:
    def stop() -> None:
        with cache.create(KEY) as directory:
            (directory / "half").write_text("half")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        stop()
    assert cache.get(KEY) is None
    assert not [path for path in cache.root.rglob("*") if path.is_file()]


def test_removing_forgets_one_item(cache: ItemCache) -> None:
    put(cache, KEY, one="1")
    put(cache, "cd" * 32, one="1")
    cache.remove(KEY)
    cache.remove("ef" * 32)
    assert cache.keys() == ["cd" * 32]
    assert cache.get(KEY) is None


def test_using_an_item_renews_its_time(cache: ItemCache) -> None:
    put(cache, KEY, one="1")
    os.utime(cache.record(KEY), (1, 1))
    cache.get(KEY)
    assert cache.record(KEY).stat().st_mtime > 1


def test_the_root_is_the_environments_or_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path))
    assert ItemCache().root == cache_root() == tmp_path
    monkeypatch.setenv("AFFECTFLOW_CACHE", "")
    assert cache_root().name == "affectflow"


# --- whole or absent

CRASH = """
    import os, signal, sys
    from pathlib import Path
    import pipeline.runtime.items as items

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    where = sys.argv[2]
    if where == "before":
        items.flush_tree = die
    elif where == "after":
        items.flush = die
    with items.ItemCache(Path(sys.argv[1])).create("ab" * 32) as directory:
        (directory / "one").write_text("1")
        if where == "inside":
            die()
        (directory / "two").write_text("2")
"""


@pytest.mark.parametrize(("where", "there"), [("inside", False), ("before", False), ("after", True)])
def test_a_killed_process_leaves_a_whole_item_or_none(
    cache: ItemCache, tmp_path: Path, where: str, there: bool
) -> None:
    script = tmp_path / "crash.py"
    script.write_text(textwrap.dedent(CRASH))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, str(script), str(cache.root), where], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (cache.get(KEY) is not None) == there
    assert cache.keys() == ([KEY] if there else [])
    put(cache, KEY, one="1", two="2")
    path = cache.get(KEY)
    assert path is not None
    assert {file.name for file in path.iterdir()} == {"one", "two"}


def test_many_writers_of_one_item_leave_one_whole_item(cache: ItemCache) -> None:
    count = 8
    barrier = threading.Barrier(count)
    inodes = []

    def write(number: int) -> None:
        with cache.create(KEY) as directory:
            (directory / "one").write_text("1" * 10_000)
            barrier.wait()
        path = cache.get(KEY)
        assert path is not None
        inodes.append((path / "one").stat().st_ino)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(write, range(count)))
    assert len(inodes) == count
    assert len(set(inodes)) == 1, "the first writer's files stay: others may be reading them"
    assert not (cache.root / "tmp").exists()


# --- damage


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "a flipped bit": lambda cache: flip(cache.path(KEY) / "two"),
    "a missing file": lambda cache: (cache.path(KEY) / "two").unlink(),
    "a file too many": lambda cache: (cache.path(KEY) / "three").write_text("3"),
    "no record": lambda cache: cache.record(KEY).unlink(),
    "a cut record": lambda cache: cache.record(KEY).write_text(cache.record(KEY).read_text()[:20]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
def test_a_damaged_item_is_computed_again_with_a_warning(
    cache: ItemCache, caplog: pytest.LogCaptureFixture, damage: Callable[[ItemCache], object]
) -> None:
    calls = []

    def compute(payload: str, directory: Path) -> None:
        calls.append(payload)
        (directory / "one").write_text("1")
        (directory / "two").write_text("2")

    items = [Item("trial-7", KEY, "payload", CODE)]
    materialise(items, compute, cache=cache, executor=SERIAL, label="test")
    damage(cache)
    with caplog.at_level(logging.WARNING):
        done = materialise(items, compute, cache=cache, executor=SERIAL, label="test")
    assert len(calls) == 2
    assert (done.paths["trial-7"] / "two").read_text() == "2"
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "trial-7" in warnings[0]


# --- many items


def note(payload: str, directory: Path) -> None:
    if payload == "bad":
        raise InputError("unusable", [Problem("no face", trial="b"), Problem("no sound", trial="b")])
    if payload == "worse":
        raise ValueError("division by zero")
    (directory / "note").write_text(payload)


def items_of(**payloads: str) -> list[Item]:
    return [Item(name, item_key(payload=payload), payload, CODE) for name, payload in payloads.items()]


def test_only_what_is_missing_is_computed(cache: ItemCache) -> None:
    first = materialise(items_of(a="1", b="2"), note, cache=cache, executor=SERIAL, label="test")
    assert first.computed == ("a", "b")
    second = materialise(items_of(c="3", b="2", a="1"), note, cache=cache, executor=SERIAL, label="test")
    assert second.computed == ("c",)
    assert list(second.paths) == ["c", "b", "a"], "in the order of the items"
    assert {name: (path / "note").read_text() for name, path in second.paths.items()} == {"a": "1", "b": "2", "c": "3"}


def test_what_a_killed_run_left_goes_even_where_nothing_is_left_to_compute(cache: ItemCache) -> None:
    items = items_of(a="1")
    materialise(items, note, cache=cache, executor=SERIAL, label="test")
    left = cache.root / "tmp" / "0123"
    left.mkdir(parents=True)
    left.with_suffix(LOCK).touch()
    assert materialise(items, note, cache=cache, executor=SERIAL, label="test").computed == ()
    assert list((cache.root / "tmp").glob("*")) == []


def test_what_is_cached_is_read_once_and_with_progress_from_the_start(
    cache: ItemCache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    items = items_of(a="1", b="2", c="3")
    materialise(items, note, cache=cache, executor=SERIAL, label="test")
    capsys.readouterr()
    read: list[Path] = []

    def noted(path: Path) -> str:
        assert "cached items to check" in capsys.readouterr().err or read
        read.append(path)
        return sha256_file(path)

    monkeypatch.setattr("pipeline.runtime.items.sha256_file", noted)
    known = look_up(items[:1], cache=cache, label="test")
    done = materialise([*items, *items_of(d="4")], note, cache=cache, executor=SERIAL, label="test", known=known)
    assert done.computed == ("d",)
    of_cached = [path for path in read if path.is_relative_to(cache.root / "items")]
    assert sorted(of_cached) == sorted(done.paths[name] / "note" for name in "abc")


def test_equal_items_are_computed_once(cache: ItemCache) -> None:
    calls = []

    def count(payload: str, directory: Path) -> None:
        calls.append(payload)
        note(payload, directory)

    done = materialise(items_of(a="1", b="1", c="2"), count, cache=cache, executor=SERIAL, label="test")
    assert sorted(calls) == ["1", "2"]
    assert done.paths["a"] == done.paths["b"]


def test_failures_are_told_after_the_others_are_finished(cache: ItemCache) -> None:
    with pytest.raises(InputError) as caught:
        materialise(items_of(a="1", b="bad", c="worse", d="2"), note, cache=cache, executor=SERIAL, label="clips")
    assert [str(problem) for problem in caught.value.problems] == [
        "trial b: no face",
        "trial b: no sound",
        "trial c: ValueError: division by zero",
    ]
    assert "clips failed: 3 problems" in str(caught.value)
    assert len(cache.keys()) == 2


def test_skip_goes_on_without_the_failures(cache: ItemCache) -> None:
    done = materialise(
        items_of(a="1", b="bad", d="2"), note, cache=cache, executor=SERIAL, label="clips", on_error="skip"
    )
    assert list(done.paths) == ["a", "d"]
    assert [failure.name for failure in done.failures] == ["b"]
    assert done.computed == ("a", "d")


def test_processes_find_the_items_of_this_cache(cache: ItemCache) -> None:
    from tests.runtime.work import write_name

    executor = Executor(engine="processes", workers=2)
    done = materialise(items_of(a="1", b="2", c="3"), write_name, cache=cache, executor=executor, label="test")
    assert {name: (path / "name").read_text() for name, path in done.paths.items()} == {"a": "1", "b": "2", "c": "3"}


def test_an_item_whose_code_was_edited_meanwhile_is_not_kept(cache: ItemCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was edited before its import and put back: its bytes are those of the key, what was loaded is not."""
    source = source_path("pipeline.runtime.files").read_bytes()
    monkeypatch.setitem(SOURCES, "pipeline.runtime.files", source + b"\nEDITED = 1\n")
    with pytest.raises(InputError, match="edited while it ran"):
        materialise(items_of(a="1"), note, cache=cache, executor=SERIAL, label="test")
    assert cache.keys() == []
    monkeypatch.setitem(SOURCES, "pipeline.runtime.files", source + b"\n# A thought.\n")
    assert materialise(items_of(a="1"), note, cache=cache, executor=SERIAL, label="test").computed == ("a",)


def test_an_item_from_a_machine_with_other_libraries_is_not_kept(cache: ItemCache) -> None:
    job = _Job(cache, items_of(a="1")[0], note, {**libraries(), "numpy": "1.0"})
    with pytest.raises(AffectflowError, match="other libraries"):
        _compute(job)
    assert cache.keys() == []


def test_versions_of_libraries_belong_to_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = item_key(a=1)
    monkeypatch.setattr("pipeline.runtime.items.libraries", lambda: {"torch": "1.0"})
    assert item_key(a=1) != before
