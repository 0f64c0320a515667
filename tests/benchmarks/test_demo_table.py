"""README's table is that of the results on record."""

import json
import subprocess
from pathlib import Path

from benchmarks._demo import fill
from benchmarks.demo_table import PAGE, RESULTS, tables

ROOT = Path(__file__).parents[2]

LINES = [
    {"model": model, "figure": figure, "mean": mean, "sd": 0.01234}
    for model, means in {"a": (0.5, 0.7, 0.6), "b": (-0.0001, 0.3, 0.15)}.items()
    for figure, mean in zip(("valence", "arousal", "P"), means, strict=True)
]
PAIRS = [
    {"first": "a", "second": "b", "figure": "P", "difference": 0.45, "interval_95": [-0.1, 0.9]}
    | {"excludes_zero": False},
    {"first": "a", "second": "b", "figure": "valence", "difference": 9.0, "interval_95": [8, 9], "excludes_zero": True},
]


def test_the_tables_hold_every_model_and_the_differences_in_p() -> None:
    written = tables({"lines": LINES, "differences": PAIRS})
    figures, differences = written["demo"], written["demo differences"]
    assert "| `a` " in figures
    assert "**0.600 ± 0.012**" in figures
    assert "0.000 ± 0.012 |" in figures
    assert "**0.150" not in figures
    assert "`a` less `b`" in differences
    assert "−0.100 to 0.900" in differences
    assert "9.000" not in differences


def test_the_page_says_what_is_on_record() -> None:
    """The record is git's: this machine may have computed something else since."""
    command = ["git", "-C", str(ROOT), "show", f"HEAD:{RESULTS}"]
    recorded = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert fill(page, tables(recorded)) == page, "python -m benchmarks.demo_table"
