"""Hash what this processor computes, step by step: `python -m tests.numerics.probe [GROUP...]`.

Prints a line per result, its digest and its name. The settings of `pipeline.runtime.numerics.PORTABLE` have to be in
the environment already; `hash_here` and `hash_emulated` run this module in a process that has them. Every machine's
lines must equal `portable.json`, which ``python -m tests.numerics.probe --write`` renews.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.runtime.numerics import PORTABLE, THREADS, require_portable
from tests.numerics.media import media
from tests.numerics.networks import backbones, front_ends
from tests.numerics.operations import Values, operations
from tests.numerics.training import training

GROUPS: dict[str, Callable[[], Iterator[tuple[str, Values]]]] = {
    "operation": operations,
    "media": media,
    "front end": front_ends,
    "backbone": backbones,
    "training": training,
}
"""In the order in which data flows, so that the first difference is the cause."""

KNOWN = Path(__file__).parent / "portable.json"
ROOT = Path(__file__).parents[2]
EMULATOR = "qemu-x86_64"


def hashes(groups: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and digest of each result of `groups`."""
    torch.set_num_threads(1)
    for group in groups:
        for name, values in GROUPS[group]():
            digest = hashlib.sha256()
            for value in values:
                array = value.detach().numpy() if isinstance(value, Tensor) else value
                digest.update(np.ascontiguousarray(array).tobytes())
            yield f"{group}: {name}", digest.hexdigest()[:16]


def hash_here(groups: Sequence[str] = tuple(GROUPS)) -> dict[str, str]:
    """Return the digests that this processor computes portably."""
    return _run([sys.executable], groups)


def hash_emulated(processor: str, groups: Sequence[str]) -> dict[str, str]:
    """Return the digests that an emulated processor computes portably; about fifty times slower."""
    return _run([EMULATOR, "-cpu", processor, os.path.realpath(sys.executable)], groups)


def _run(python: Sequence[str], groups: Sequence[str]) -> dict[str, str]:
    path = os.pathsep.join(part for part in (str(ROOT), *sys.path) if part)
    environment = {**os.environ, **PORTABLE, **THREADS, "PYTHONPATH": path}
    command = [*python, "-W", "ignore", "-m", "tests.numerics.probe", *groups]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = {name: digest for digest, name in (line.split(" ", 1) for line in done.stdout.splitlines())}
    if done.returncode:
        last = list(lines)[-1] if lines else "the start"
        raise RuntimeError(f"ended with {done.returncode} after {last}: {done.stderr[-2000:]}")
    return lines


def main(arguments: Sequence[str]) -> None:
    """Print the digests, or write those of this processor to `KNOWN`."""
    if arguments == ["--write"]:
        KNOWN.write_text(f"{json.dumps(hash_here(), indent=1)}\n", encoding="utf-8")
        return
    require_portable()
    for name, digest in hashes(arguments or tuple(GROUPS)):
        print(digest, name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
