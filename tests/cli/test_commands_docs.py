"""Help and documentation of every command."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli.app import app

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/commands.md").read_text(encoding="utf-8")


def commands() -> dict[str, Callable[..., object]]:
    """Return the function of every command by the words that call it."""
    groups = [("", app), *((f"{group.name} ", group.typer_instance) for group in app.registered_groups)]
    found = {}
    for prefix, group in groups:
        assert group is not None
        for command in group.registered_commands:
            assert command.callback is not None
            found[f"{prefix}{command.name or command.callback.__name__}"] = command.callback
    return found


COMMANDS = commands()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_an_example_in_its_help_and_its_place_in_the_documentation(name: str) -> None:
    text = COMMANDS[name].__doc__ or ""
    assert re.search(rf"^\s*(Examples?: `)?affectflow {name}\b", text, flags=re.MULTILINE) is not None
    assert f"`{name}`" in DOCS
    assert f"\n## {name.split()[0]}\n" in DOCS


def test_the_documentation_names_no_other_command_and_no_other_json() -> None:
    rows = [re.findall(r"`([a-z ]+)`", name) for name in re.findall(r"^\| \[(.*?)\]\(#", DOCS, flags=re.MULTILINE)]
    assert sorted(one for row in rows for one in row) == sorted(COMMANDS)
    with_json = {name for name, one in COMMANDS.items() if "as_json" in inspect.signature(one).parameters}
    sentence = re.search(r"\*\*JSON\.\*\* (.*?) have `--json`", DOCS, flags=re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`([a-z ]+)`", sentence[1])) == with_json


@pytest.mark.parametrize(("words", "expected"), [("affectflow va", "validate"), ("affectflow preset fat", "fatigue")])
def test_a_shell_completes_commands_and_names(words: str, expected: str) -> None:
    script = "from pipeline.cli.app import app; app(prog_name='affectflow')"
    place = str(len(words.split()) - 1)
    asked = {"_AFFECTFLOW_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": place}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [expected], done.stderr
