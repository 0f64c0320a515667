import hashlib
from pathlib import Path

import pytest

from pipeline.corpora.digest import FolderDigest, digest_bytes, digest_file, list_images, trial_digest


def folder_digest(*files: tuple[str, bytes]) -> str:
    digest = FolderDigest()
    for name, data in files:
        digest.add(name, data)
    return digest.hexdigest()


@pytest.mark.parametrize(
    "files",
    [
        [("00001.jpg", b"ab"), ("00003.jpg", b"c")],
        [("00001.jpg", b"a"), ("00002.jpg", b"bc")],
        [("00001.jpg", b"ab")],
        [("00001.jpg", b"ab"), ("00002.jpg", b"d")],
    ],
)
def test_names_bytes_and_where_a_file_ends_all_count(files: list[tuple[str, bytes]]) -> None:
    assert folder_digest(*files) != folder_digest(("00001.jpg", b"ab"), ("00002.jpg", b"c"))


def test_a_folder_without_its_clutter(tmp_path: Path) -> None:
    for name in ("00002.jpg", "00001.jpg", ".DS_Store", "._00001.jpg", "Thumbs.db"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "folder").mkdir()
    assert list_images(tmp_path) == ["00001.jpg", "00002.jpg"]


def test_files_and_trials(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_file(tmp_path / "a") == digest_bytes(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert trial_digest({"video": "1", "images": "2"}) == trial_digest({"images": "2", "video": "1"})
    assert trial_digest({"video": "1", "images": "2"}) != trial_digest({"video": "2", "images": "1"})
    assert trial_digest({"video": "1"}) != trial_digest({"video": "1", "annotation": "1"})
