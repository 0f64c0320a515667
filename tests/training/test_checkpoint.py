import os
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.training.checkpoint import assign_tensors, copy_tensors, load_checkpoint, save_checkpoint

CPU = torch.device("cpu")


def test_state_and_random_numbers_come_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "fold"
    save_checkpoint(path, {"weights": torch.arange(3.0), "history": [{"p": 0.5}]}, device=CPU)
    expected = torch.rand(4)
    torch.manual_seed(999)
    state = load_checkpoint(path, device=CPU)
    assert state is not None
    assert torch.equal(torch.rand(4), expected)
    assert state.keys() == {"weights", "history"}
    assert torch.equal(state["weights"], torch.arange(3.0))
    assert state["history"] == [{"p": 0.5}]


def test_without_a_file_nothing_changes(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    assert load_checkpoint(tmp_path / "none", device=CPU) is None
    assert torch.equal(torch.get_rng_state(), before)


def test_a_write_that_fails_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError("disk full")

    save_checkpoint(tmp_path / "fold", {"epoch": 1}, device=CPU)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="disk full"):
            save_checkpoint(tmp_path / "fold", {"epoch": 2}, device=CPU)
    assert load_checkpoint(tmp_path / "fold", device=CPU) == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["fold"]


@pytest.mark.parametrize("damage", ["empty", "cut", "first byte", "last byte"])
def test_a_damaged_checkpoint_is_dropped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    path = tmp_path / "fold"
    save_checkpoint(path, {"weights": torch.arange(300.0)}, device=CPU)
    content = bytearray(path.read_bytes())
    if damage in ("first byte", "last byte"):
        content[0 if damage == "first byte" else -1] ^= 1
    path.write_bytes(content[: {"empty": 0, "cut": 200}.get(damage, len(content))])
    before = torch.get_rng_state()
    assert load_checkpoint(path, device=CPU) is None
    assert "is damaged: the run starts again" in caplog.text
    assert not path.exists()
    assert torch.equal(torch.get_rng_state(), before)


def test_copies_do_not_follow_the_network_until_they_are_assigned() -> None:
    network = nn.Linear(2, 2)
    copies = copy_tensors(network.state_dict())
    with torch.no_grad():
        network.weight.add_(1)
    assert not torch.equal(network.weight, copies["weight"])
    assign_tensors(network, {"weight": copies["weight"]})
    assert torch.equal(network.weight, copies["weight"])
