"""Print constraints that hold every dependency at its lower bound in pyproject.toml: `make test-lowest` installs those.

A bound of two numbers stands for the last correction of that version: numpy>=2.0 gives numpy==2.0.*. torch and
torchaudio are taken from constraints.txt: no older version has been tried.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PINNED = ("torch", "torchaudio")


def main() -> None:
    """Print one line per dependency."""
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        found = re.match(r"([\w.-]+)>=([\d.]+)", requirement)
        if found is None:
            raise SystemExit(f"pyproject.toml: {requirement!r} has no lower bound")
        name, bound = found.groups()
        if name in PINNED:
            continue
        numbers = bound.split(".")
        print(f"{name}=={bound}" if len(numbers) > 2 else f"{name}=={'.'.join([*numbers, '0'][:2])}.*")
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    print(*(line for line in pins if line.partition("==")[0] in PINNED), sep="\n")


if __name__ == "__main__":
    main()
