import errno
from pathlib import Path

import pytest

from pipeline.runtime.errors import AffectflowError, InputError, Problem
from pipeline.runtime.reading import REPAIR, reading

FILE = Path("folder/file")


def told(error: Exception) -> str:
    with pytest.raises(AffectflowError) as caught, reading(FILE, what="it cannot be read", remedy="do this"):
        raise error
    return str(caught.value)


@pytest.mark.parametrize("kind", [ValueError, KeyError, RuntimeError, EOFError, OverflowError, RecursionError, OSError])
def test_damage_is_named_with_its_remedy(kind: type[Exception]) -> None:
    text = told(kind("the header is short"))
    assert text.startswith("it cannot be read: 1 problem\n  folder/file: damaged, or of another version: ")
    assert "the header is short" in text
    assert text.endswith(f" -> {REPAIR}")


def test_damage_of_what_no_stage_makes_has_a_remedy_of_its_own() -> None:
    with pytest.raises(InputError) as caught, reading(FILE, what="it", remedy="run", damaged="copy it again"):
        raise ValueError
    assert str(caught.value).endswith(" -> copy it again")


def test_a_long_reason_is_cut() -> None:
    assert len(told(ValueError("x" * 10_000))) < 400


def test_a_missing_file() -> None:
    assert told(FileNotFoundError(errno.ENOENT, "No such file")).endswith("folder/file: no such file -> do this")


def test_a_failing_disk_is_no_damage() -> None:
    text = told(OSError(errno.EIO, "Input/output error", "folder/file"))
    assert text.startswith("the disk: 1 problem\n  folder/file: Input/output error -> the disk")


def test_what_is_meant_for_the_user_passes() -> None:
    error = InputError("another", [Problem("thing")])
    assert told(error) == str(error)


def test_faults_of_ours_pass() -> None:
    with pytest.raises(AttributeError), reading(FILE, what="it", remedy="do this"):
        raise AttributeError
