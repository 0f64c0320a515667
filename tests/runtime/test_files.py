import errno
import fcntl
import hashlib
import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.files import assemble, replacing, replacing_file, sha256_file


@given(data=st.binary(max_size=3000))
def test_the_checksum_is_that_of_the_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("data") / "file"
    path.write_bytes(data)
    assert sha256_file(path) == hashlib.sha256(data).hexdigest()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree with a file in a folder in a folder."""
    source = tmp_path / "source"
    (source / "a" / "b").mkdir(parents=True)
    (source / "one").write_bytes(b"one")
    (source / "a" / "b" / "two").write_bytes(b"two")
    return source


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refuse(*args: object) -> None:
    raise OSError(errno.EOPNOTSUPP, "not supported")


@pytest.mark.parametrize("way", ["as the system can", "hard link", "copy"])
def test_a_tree_arrives_whole(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way != "as the system can":
        monkeypatch.setattr(fcntl, "ioctl", refuse)
    if way == "copy":
        monkeypatch.setattr(os, "link", refuse)
    assemble(tree, tmp_path / "out" / "tree")
    assert contents(tmp_path / "out" / "tree") == contents(tree) == {"one": b"one", "a/b/two": b"two"}
    linked = (tmp_path / "out" / "tree" / "one").stat().st_ino == (tree / "one").stat().st_ino
    assert linked == (way == "hard link") or way == "as the system can"


def test_what_is_there_is_not_overwritten(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        assemble(tree / "one", tmp_path / "one")
    with pytest.raises(FileNotFoundError):
        assemble(tree / "missing", tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == b"mine"


def test_an_out_is_replaced_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with replacing(out) as fresh:
        (fresh / "old").write_text("old")
    with replacing(out) as fresh:
        assert contents(out) == {"old": b"old"}, "until the end it is as it was"
        (fresh / "new").write_text("new")
    assert contents(out) == {"new": b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_after_an_error_an_out_is_as_it_was(tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "file"
    with replacing(out) as fresh:
        (fresh / "old").write_text("old")
    file.write_text("old")

    def stop_in(context: AbstractContextManager[Path], *parts: str) -> None:
        with context as fresh:
            fresh.joinpath(*parts).write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop_in(replacing(out), "half")
    with pytest.raises(RuntimeError, match="stop"):
        stop_in(replacing_file(file))
    assert contents(out) == {"old": b"old"}
    assert file.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]


def test_a_file_is_made_with_its_folders(tmp_path: Path) -> None:
    with replacing_file(tmp_path / "a" / "b.csv") as path:
        path.write_text("1")
        assert path.name == "b.csv"
    assert (tmp_path / "a" / "b.csv").read_text() == "1"


def test_a_link_can_be_replaced(tmp_path: Path) -> None:
    """DVC may have put a read-only hard link to its cache where a new file goes: the cache's copy stays as it is."""
    cached = tmp_path / "cached"
    cached.write_text("old")
    cached.chmod(0o444)
    os.link(cached, tmp_path / "file")
    with replacing_file(tmp_path / "file") as path:
        path.write_text("new")
    assert cached.read_text() == "old"
    assert (tmp_path / "file").read_text() == "new"
