"""Portable numerics: this processor, and emulated ones, give the bytes that are on record."""

import json
import shutil
from collections.abc import Mapping

import pytest

from tests.numerics.probe import EMULATOR, GROUPS, KNOWN, hash_emulated, hash_here

needs_emulator = pytest.mark.skipif(shutil.which(EMULATOR) is None, reason=f"{EMULATOR} (Debian: qemu-user) is absent")


def known(group: str) -> dict[str, str]:
    """Return the recorded digests of one group, in the order in which they are computed."""
    recorded: Mapping[str, str] = json.loads(KNOWN.read_text(encoding="utf-8"))
    return {name: digest for name, digest in recorded.items() if name.startswith(f"{group}: ")}


def first_difference(found: Mapping[str, str], recorded: Mapping[str, str]) -> str | None:
    """Return the first recorded result that was not found with the same digest."""
    return next((name for name, digest in recorded.items() if found.get(name) != digest), None)


@pytest.mark.parametrize("group", GROUPS)
def test_this_processor_gives_the_recorded_bytes(group: str) -> None:
    found = hash_here([group])
    assert found.keys() == known(group).keys(), "renew the record: python -m tests.numerics.probe --write"
    assert first_difference(found, known(group)) is None


@pytest.mark.slow
@pytest.mark.timeout(3600)
@needs_emulator
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("processor", ["EPYC-Rome", "Haswell"])
def test_an_emulated_processor_gives_the_recorded_bytes(processor: str, group: str) -> None:
    assert first_difference(hash_emulated(processor, [group]), known(group)) is None


def test_the_first_difference_is_named_in_the_order_of_the_work() -> None:
    recorded = {"operation: tanh": "1", "operation: exp": "2", "backbone: ir50": "3"}
    assert first_difference(recorded, recorded) is None
    assert first_difference({**recorded, "backbone: ir50": "0", "operation: exp": "0"}, recorded) == "operation: exp"
    assert first_difference({"operation: tanh": "1"}, recorded) == "operation: exp"
