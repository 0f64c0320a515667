import hashlib
import pickle
from collections.abc import Callable
from datetime import date
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from pipeline.backbones.common.config import BackboneConfig
from pipeline.backbones.common.weights import Weights
from pipeline.runtime.errors import InputError

STATE = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2)}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(params=["x.pth", "x.safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path: Path = tmp_path / request.param
    save_file(STATE, path) if path.suffix == ".safetensors" else torch.save(STATE, path)
    return path


def test_a_checked_file_gives_its_tensors(path: Path) -> None:
    weights = Weights(path=path, sha256=sha256(path))
    weights.check()
    read = weights.state_dict()
    assert read.keys() == STATE.keys()
    assert all(torch.equal(read[key], STATE[key]) for key in STATE)
    assert weights.identity == f"sha256:{sha256(path)}"
    assert weights.attributes == {"name": path.name, "sha256": sha256(path)}


def test_a_checksum_in_capitals_is_the_same(path: Path) -> None:
    weights = Weights(path=path, sha256=sha256(path).upper())
    weights.check()
    assert weights.identity == Weights(path=path, sha256=sha256(path)).identity


def test_a_file_without_checksum_is_refused_with_its_own(path: Path) -> None:
    with pytest.raises(InputError, match=sha256(path)):
        Weights(path=path)


def test_a_changed_file_is_refused_with_both_checksums(path: Path) -> None:
    weights = Weights(path=path, sha256="ab" * 32)
    for read in (weights.check, weights.state_dict):
        with pytest.raises(InputError) as error:
            read()
        assert "ab" * 32 in str(error.value)
        assert sha256(path) in str(error.value)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    for weights in (lambda: Weights(path=tmp_path / "no.pth"), Weights(path=tmp_path / "no.pth", sha256="0").check):
        with pytest.raises(InputError, match=r"no\.pth: no such file"):
            weights()


def test_random_weights() -> None:
    assert Weights().identity != Weights(seed=1).identity
    assert Weights(seed=1).attributes == {"name": "random", "seed": 1}
    Weights().check()
    with pytest.raises(InputError, match="random weights have no sha256"):
        Weights(sha256="ab")
    with pytest.raises(ValueError, match="no file"):
        Weights().state_dict()


def test_from_a_section(path: Path) -> None:
    assert Weights.from_config(BackboneConfig(weights="random", seed=3)) == Weights(seed=3)
    section = BackboneConfig(weights=str(path), sha256=sha256(path))
    assert Weights.from_config(section) == Weights(path=path, sha256=sha256(path))


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize(
    "write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2))]
)
def test_no_pickled_code_is_run(tmp_path: Path, write: Callable[[object, Path], object]) -> None:
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    write({"layer.weight": Malicious(trace)}, path)
    with pytest.raises(InputError, match="not a readable checkpoint of plain tensors: it pickles") as caught:
        Weights(path=path, sha256=sha256(path)).state_dict()
    assert not trace.exists()
    # torch's own words say that reading the file with its code would do.
    printed = "".join(format_exception(caught.value))
    assert "weights_only" not in printed.replace("weights_only=True)", "")
    assert "give a .safetensors file" in printed
    # The trap itself works.
    pickle.loads(pickle.dumps(Malicious(trace)))
    assert trace.exists()


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"hello world", b"PK\x03\x04 cut off"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable checkpoint"):
        Weights(path=path, sha256=sha256(path)).state_dict()


def test_a_nested_state_dict_is_found_and_other_content_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"state_dict": STATE, "epoch": 3}, path)
    assert Weights(path=path, sha256=sha256(path)).state_dict().keys() == STATE.keys()
    torch.save({**STATE, "epoch": 3}, path)
    with pytest.raises(InputError, match="epoch is not a tensor"):
        Weights(path=path, sha256=sha256(path)).state_dict()
    torch.save([1, 2], path)
    with pytest.raises(InputError, match="holds a list, not tensors by name"):
        Weights(path=path, sha256=sha256(path)).state_dict()


def test_the_kind_of_a_foreign_object_is_named(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / "x.pth"
    torch.save({"made": date(2020, 1, 1)}, path)
    with pytest.raises(InputError, match=r"it pickles datetime\.date, and code that is in a pickle is never run"):
        Weights(path=path, sha256=sha256(path)).state_dict()
    path.write_bytes(pickle.dumps({"a": 1}, protocol=4))
    with pytest.raises(InputError, match="it pickles Python objects"):
        Weights(path=path, sha256=sha256(path)).state_dict()
    assert not recwarn.list


@given(
    st.one_of(
        st.binary(max_size=40), st.integers(0, 400).map(lambda at: pickle.dumps({"a": [1.5, "b"]}, protocol=2)[:at])
    )
)
def test_any_bytes_give_tensors_or_one_message(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for name in ("any.pth", "any.safetensors"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            Weights(path=path, sha256=sha256(path)).state_dict()
        assert {problem.file for problem in caught.value.problems} == {str(path)}
