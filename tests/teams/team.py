"""Members of a team, each with a clone and an item cache, who run the commands of docs/teams.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.dag.scratch import Run, Scratch
from tests.docs.pages import consoles

PAGE = "docs/teams.md"


def commands() -> dict[str, list[str]]:
    """Return the page's commands by who runs them."""
    found: dict[str, list[str]] = {}
    for block in consoles(PAGE):
        found.setdefault(block.title, []).append("\n".join(block.commands))
    return found


@dataclass(frozen=True)
class Team:
    """What the members' commands call `$REMOTE`, `$REPOSITORY`, `$SHARED`, and what else their environment has."""

    folder: Path
    values: Mapping[str, str] = field(default_factory=dict)

    def act(self, who: str, place: Scratch, nth: int = 0, *, ok: bool = True) -> Run:
        """Run somebody's nth block in a clone, with that person's own item cache."""
        values = {
            "REMOTE": f"{self.folder}/remote",
            "REPOSITORY": f"{self.folder}/origin.git",
            "SHARED": f"{self.folder}/shared",
            **self.values,
        }
        words = [f"{name}={value}" for name, value in values.items()]
        script = f"set -euo pipefail\n{commands()[who][nth]}"
        return place("env", *words, "bash", "-c", script, ok=ok)

    def found(self, owner: Scratch) -> None:
        """Give the owner's repository an origin, a remote, and push."""
        owner.git("clone", "--quiet", "--bare", str(owner.root), str(self.folder / "origin.git"))
        owner.git("remote", "add", "origin", str(self.folder / "origin.git"))
        owner.git("push", "--quiet", "--set-upstream", "origin", "main")
        self.act("remote", owner)
        if "ENDPOINT" in self.values:
            self.act("s3", owner)
        self.act("owner", owner)

    def join(self) -> tuple[Scratch, Run]:
        """Make a newcomer's clone; return it, and what happened there."""
        run = self.act("colleague", at(self.folder / "colleague"))
        return Scratch(self.folder / "colleague" / "affectflow", self.folder / "colleague-cache"), run


def at(folder: Path, cache: Path | None = None) -> Scratch:
    """Return a place to work in, with an item cache beside it."""
    cache = cache or folder.with_name(f"{folder.name}-cache")
    for path in (folder, cache):
        path.mkdir(exist_ok=True)
    return Scratch(folder, cache)
