"""What one more clip costs, by `dvc repro` of the demo from nothing and after a trial was added.

Works in a fresh clone of the last commit, with an item cache of its own. Features of the other clips are taken from
the cache; the folds change with the trials, so every model is trained again.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._results import table, write_section
from benchmarks._timing import spread
from benchmarks.rehearsal import Cost, measure

ROOT = Path(__file__).parents[1]
NO_OP = 1.3
"""Most times as long as `dvc status` that `dvc repro` may take where nothing changed."""

TURNS = 5
PARTS = {
    "up to the features": ("extract@ir50", "extract@vggish"),
    "training and report": ("report",),
}


def add_trial(repository: Path) -> None:
    """Ask for one more training trial of the demo corpus."""
    params = repository / "data" / "demo" / "params.yaml"
    text, count = re.subn(
        r"(trials: \{train: )(\d+)",
        lambda found: f"{found[1]}{int(found[2]) + 1}",
        params.read_text(encoding="utf-8"),
    )
    if count != 1:
        raise RuntimeError(f"{params} has no trials to add to")
    params.write_text(text, encoding="utf-8")


def reproduce(repository: Path) -> dict[str, Cost]:
    """Run `dvc repro` part by part."""
    dvc = [sys.executable, "-m", "dvc", "repro"]
    return {part: measure([*dvc, *stages], repository) for part, stages in PARTS.items()}


def compare_unchanged(repository: Path) -> tuple[float, float, float]:
    """Return median, lowest and highest of how many times longer `dvc repro` takes than `dvc status`, turn by turn."""
    dvc = [sys.executable, "-m", "dvc"]
    turns = [(measure([*dvc, "status"], repository), measure([*dvc, "repro"], repository)) for _ in range(TURNS)]
    ratios = [repro.seconds / status.seconds for status, repro in turns]
    return statistics.median(ratios), min(ratios), max(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing a result file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(repository)], check=True)
        first = reproduce(repository)
        unchanged = compare_unchanged(repository)
        add_trial(repository)
        again = reproduce(repository)
    rows = [
        [part, _times(first[part]), _times(again[part]), f"{again[part].processors / first[part].processors:.2f}"]
        for part in PARTS
    ]
    whole, rerun = (sum(cost.processors for cost in costs.values()) for costs in (first, again))
    rows.append(["all", f"({whole:.0f} s)", f"({rerun:.0f} s)", f"{rerun / whole:.2f}"])
    text = "The demo's corpus of 28 trials, then of 29: seconds by the clock (of all processors). The baseline, which\n"
    text += "keeps nothing between two runs, costs as much as the first column each time.\n\n"
    text += table(["`dvc repro`", "from nothing", "after one added clip", "ratio of processor time"], rows)
    text += f"\n\nWhere nothing changed, `dvc repro` takes {spread(unchanged)} times as long as `dvc status` "
    text += f"(goal {NO_OP})."
    print(text)
    if not arguments.dry_run:
        print(f"\nwritten to {write_section('rerun', text)}")


def _times(cost: Cost) -> str:
    return f"{cost.seconds:.0f} s ({cost.processors:.0f} s)"


if __name__ == "__main__":
    main()
