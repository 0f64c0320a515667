"""Where benchmarks put their figures: benchmarks/results/DATE-SHA.md, one section per script."""

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pipeline.runtime.processor import processor_name

RESULTS = Path(__file__).parent / "results"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; floats get three significant digits."""

    def cell(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) and abs(value) < 1000 else str(value)

    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell(value) for value in line)} |" for line in lines)


def machine() -> str:
    """Describe the machine in words that are the same on all machines of its type."""
    name = processor_name()
    model = name if name != "unknown" else platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def write_section(name: str, text: str) -> Path:
    """Put the figures of one script into the result file of today and of this commit, in place of its earlier ones.

    Parameters
    ----------
    name : of the script
    text : Markdown without headings
    """
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    dirty = subprocess.run(["git", "status", "--porcelain", "pipeline"], capture_output=True, text=True, check=True)
    commit = head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")
    date = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    path = RESULTS / f"{date}-{commit}.md"
    path.parent.mkdir(exist_ok=True)
    sections = {}
    if path.is_file():
        parts = re.split(r"^## (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        sections = dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
    sections[name] = text.strip()
    title = f"# {date}, commit {commit}\n\n{machine()}\n"
    body = "".join(f"\n## {key}\n\n{value}\n" for key, value in sorted(sections.items()))
    path.write_text(title + body, encoding="utf-8")
    return path
