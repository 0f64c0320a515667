"""Reading params.yaml: whatever text it holds, it gives plain values within bounds, or says what is wrong."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Params
from pipeline.runtime import section
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.section import read_yaml, validate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    return str(caught.value)


def laughs(lines: int) -> str:
    """Return lines of which each repeats the one before nine times."""
    names = [f"a{number}" for number in range(lines)]
    text = "a0: &a0 [lol, lol, lol]\n"
    for before, name in pairwise(names):
        text += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    return text


def test_aliases_that_stand_for_a_billion_values_are_refused_at_once(path: Path) -> None:
    path.write_text(laughs(9))
    assert refused(path).startswith(f"{path}: its aliases repeat more than 100000 values")


def test_a_few_aliases_are_fine(path: Path) -> None:
    path.write_text("encoder: &e {channels: [8, 8]}\nmodels: {a: *e, b: *e}\n")
    assert read_yaml(path) == {
        "encoder": {"channels": [8, 8]},
        "models": {"a": {"channels": [8, 8]}, "b": {"channels": [8, 8]}},
    }


@pytest.mark.parametrize("text", ["a: &a [*a]", "[" * 5000, "a: &a {b: {c: *a}}"])
def test_what_has_no_end_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    assert "nested too deeply" in refused(path)


def test_a_file_far_too_large_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section, "LARGEST", 10)
    path.write_text("a: " + "b" * 20)
    assert refused(path) == f"{path} is larger than 10 bytes: see whether it is the right file"
    path.unlink()
    assert refused(path) == f"{path}: No such file or directory"
    path.mkdir()
    assert refused(path) == f"{path}: Is a directory"


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"a: \xff"),
        lambda path: path.write_text("a: [1"),
        lambda path: path.write_text("a: 1\na: 2"),
        lambda path: path.write_text("a: !!python/name:os.system"),
        lambda path: path.write_text("a: " + "9" * 5000),
        lambda path: path.write_text("a: !!timestamp x"),
    ],
)
def test_what_is_not_yaml_is_refused(path: Path, write: Callable[[Path], object]) -> None:
    write(path)
    assert refused(path).startswith(f"{path} is not YAML: ")


signs = st.sampled_from(
    [*"ab01-:{}[],&*!|>'\"%@`#?~ \t.<=eETZ_x+/\\é\0", "\n", "\n  ", "- ", ": ", "!!int ", "!!set ", "&a ", "*a"]
)


@given(st.one_of(st.lists(signs, max_size=30).map("".join).map(str.encode), st.binary(max_size=30)))
def test_any_bytes_give_values_or_one_message(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    try:
        found = read_yaml(path)
    except ConfigError as error:
        message = str(error)
        assert str(path) in message
        return
    # Whatever a section makes of it, it is a section or a message as well.
    with pytest.raises(ConfigError):
        validate(Params, found, at="params.yaml")


words = st.text("ab01é :#'\"-{}[]&*!|>%@~,?\n", max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), plain))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: dict[str, object]) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(json.dumps(data))  # which is YAML, too
    assert read_yaml(path) == data


@given(st.dictionaries(st.sampled_from([*Params.model_fields, "other"]), plain))
def test_any_values_give_sections_or_one_message(data: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"params\.yaml: "):
        validate(Params, data, at="params.yaml")


@pytest.mark.parametrize("value", [{1, 2}, b"x", 10**5000, object()], ids=["set", "bytes", "huge", "object"])
def test_values_that_are_no_plain_ones(value: object) -> None:
    with pytest.raises(ConfigError, match="only text, numbers, lists and mappings"):
        validate(Params, {"corpus": value}, at="params.yaml")
