"""Run every measurement: `python -m benchmarks`, which is `make bench`; results go to benchmarks/results."""

import subprocess
import sys
from pathlib import Path

import torch

LONG = frozenset({"precision", "rerun"})
"""Train models: run by hand."""


def measurements(*, gpu: bool) -> list[str]:
    """Return the short scripts that write a section of the results; `gpu` only where there is one."""
    scripts = Path(__file__).parent.glob("[a-z]*.py")
    names = sorted(script.stem for script in scripts if "write_section(" in script.read_text(encoding="utf-8"))
    return [name for name in names if name not in LONG and (gpu or name != "gpu")]


def main() -> None:
    for name in measurements(gpu=torch.cuda.is_available()):
        print(f"== benchmarks.{name}", flush=True)
        # Each in a process of its own: threads, cores and kernels are set for a whole process.
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
