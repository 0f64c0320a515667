"""Seconds until a command or a stage can begin: `python -m benchmarks.startup`.

Each is a fresh process, by the clock, in turns beside an interpreter that does nothing.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks._results import machine, table, write_section

ROOT = Path(__file__).parents[1]
GOAL = 0.5
"""Seconds, of the command and of stages that compute without torch."""

COMMANDS = {
    "python alone": "pass",
    "`affectflow --help`": "import sys; sys.argv[1:] = ['--help']; from pipeline.cli.app import main; main()",
    **{
        f"stage {name}": f"import stages.{name}"
        for name in ("clips", "folds", "ensemble", "report", "extract", "train")
    },
}
WITHOUT_TORCH = {"`affectflow --help`", "stage clips", "stage folds", "stage ensemble", "stage report"}


def seconds(script: str) -> float:
    """Time one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="timings of each (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing a result file")
    arguments = parser.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(1 + arguments.rounds):
        for name, script in COMMANDS.items():
            if turn == 0:  # files come into the system's cache
                seconds(script)
            else:
                taken[name].append(seconds(script))
    rows = []
    for name, times in taken.items():
        goal = f"under {GOAL} s" if name in WITHOUT_TORCH else "-"
        rows.append([name, f"{statistics.median(times):.2f} [{min(times):.2f} to {max(times):.2f}]", goal])
    text = table(["until it can begin", "s [spread]", "goal"], rows)
    text += "\n\nThe report draws with matplotlib and Bokeh, whose loading is more than half of its start."
    print(f"{machine()}\n\n{text}")
    if not arguments.dry_run:
        print(f"\nwritten to {write_section('startup', text)}")


if __name__ == "__main__":
    main()
