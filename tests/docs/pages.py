"""Pages that tell how something is done, and a reader who does what they say."""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.dag.scratch import Run, Scratch

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r'^```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$', flags=re.DOTALL | re.MULTILINE)

ALL = ", all of it"
"""End of the title of a block that replaces a file, where others add to it."""


@dataclass(frozen=True)
class Block:
    """A block of code of a page: its language, its title and its text."""

    language: str
    title: str
    text: str

    @property
    def commands(self) -> list[str]:
        """What is typed in a console, without prompts: `$` begins a command, `>` goes on with one."""
        typed = re.findall(r"^\$ (.*(?:\n> .*)*)", self.text, flags=re.MULTILINE)
        return [command.replace("\n> ", "\n") for command in typed]


def blocks(page: str) -> list[Block]:
    """Return a page's blocks, in order."""
    return [Block(*found) for found in BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))]


def consoles(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.language == "console"]


def follow(
    page: str, project: Scratch, *, words: Mapping[str, str] | None = None, without: Container[str] = ()
) -> Iterator[tuple[Block, Run]]:
    """Do what a page says, block by block; give what each block of commands printed, before the next is begun.

    Code goes to the file of its title, YAML is merged into params.yaml (or is all of it), a diff is applied to the file
    of its title, and commands are run. A block of code without a file (``at the end of ...``) is given as it is.

    Parameters
    ----------
    page : below the root
    project : where it is done
    words : what a reader puts in the place of some words; looked up when a block is reached
    without : titles of blocks that are left out
    """
    for block in blocks(page):
        text = block.text
        for word, value in (words or {}).items():
            text = text.replace(word, value)
        place = project.root / block.title.removesuffix(ALL)
        if block.title in without or block.language == "text":
            continue
        if block.language == "console":
            yield block, project("bash", "-c", "\n".join(["set -euo pipefail", *Block("", "", text).commands]))
        elif block.language == "diff":
            _apply(place, text)
        elif block.language == "yaml" and not block.title.endswith(ALL):
            assert block.title == "params.yaml", f"{page}: where does this belong? {block.text}"
            _merge_params(project, yaml.safe_load(text))
        elif place.suffix:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        else:
            yield block, Run(0, "")


def _merge_params(project: Scratch, added: dict[str, Any], path: str = "") -> None:
    for key, value in added.items():
        if isinstance(value, dict) and (not path or path.count(".") < 2):
            _merge_params(project, value, f"{path}{key}.")
        else:
            project.params(f"{path}{key}", value)


def _apply(file: Path, text: str) -> None:
    lines = text.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
    content = file.read_text(encoding="utf-8")
    assert content.count(old) == 1, f"{file.name} does not hold these lines once:\n{old}"
    file.write_text(content.replace(old, new), encoding="utf-8")
