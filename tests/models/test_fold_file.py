from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.models.fold_file import read_fold, write_fold
from pipeline.runtime.errors import InputError
from pipeline.runtime.reading import REPAIR

TENSORS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor(3), "empty": torch.zeros(0, 4)}
METADATA: dict[str, Any] = {"fold": 1, "targets": ["valence", "arousal"], "ranges": [[-1.0, 1.0]]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_fold(tmp_path / "fold.safetensors", TENSORS, METADATA, kind="trained fold")
    return tmp_path / "fold.safetensors"


def test_what_is_written_is_read_back(path: Path) -> None:
    tensors, metadata = read_fold(path, kind="trained fold")
    assert metadata == METADATA
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_equal_folds_give_equal_bytes(path: Path, tmp_path: Path) -> None:
    write_fold(tmp_path / "again", dict(reversed(TENSORS.items())), METADATA, kind="trained fold")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_every_flipped_byte_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for position in range(len(whole)):
        data = bytearray(whole)
        data[position] ^= 1
        path.write_bytes(data)
        # A byte that means nothing, of the header's padding, may differ.
        with suppress(InputError):
            tensors, metadata = read_fold(path, kind="trained fold")
            assert metadata == METADATA
            assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_a_wrong_checksum_is_told_with_its_remedy(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_fold(path, kind="trained fold")
    assert f"{path}: " in str(caught.value)
    assert str(caught.value).endswith(f"its checksum differs' -> {REPAIR}")


@pytest.mark.parametrize("content", [b"", b"x" * 100, bytes(8)])
def test_another_file_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(InputError, match=f"{tmp_path}/other: damaged, or of another version"):
        read_fold(tmp_path / "other", kind="trained fold")
    with pytest.raises(InputError, match=f"{tmp_path}/none: no such file"):
        read_fold(tmp_path / "none", kind="trained fold")


def test_another_kind_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="it is not a fine-tuned fold of schema 1"):
        read_fold(path, kind="fine-tuned fold")
