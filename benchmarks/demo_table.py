"""Write the demo's table in README.md from reports/ccc.json.

    dvc repro && python -m benchmarks.demo_table

The file is in git with the results on record, so a test compares the two on every machine.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks._demo import fill
from pipeline.report.typeset import number, pipe_table

RESULTS = Path("reports/ccc.json")
PAGE = Path("README.md")


def tables(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the page's sections.

    Parameters
    ----------
    results : content of reports/ccc.json
    """
    return {"demo": _figures(results["lines"]), "demo differences": _differences(results["differences"])}


def _figures(lines: list[Mapping[str, Any]]) -> str:
    figures = list(dict.fromkeys(line["figure"] for line in lines))
    models = list(dict.fromkeys(line["model"] for line in lines))
    found = {(line["model"], line["figure"]): line for line in lines}
    best = max(found[model, "P"]["mean"] for model in models)
    rows = []
    for model in models:
        cells = [f"{number(found[model, figure]['mean'])} ± {number(found[model, figure]['sd'])}" for figure in figures]
        if found[model, "P"]["mean"] == best:
            cells[figures.index("P")] = f"**{cells[figures.index('P')]}**"
        rows.append([f"`{model}`", *cells])
    return pipe_table(["model", *figures], rows, names=1)


def _differences(pairs: list[Mapping[str, Any]]) -> str:
    rows = []
    for pair in pairs:
        if pair["figure"] == "P":
            low, high = (number(value) for value in pair["interval_95"])
            clear = "yes" if pair["excludes_zero"] else "no"
            names = f"`{pair['first']}` less `{pair['second']}`"
            rows.append([names, number(pair["difference"]), f"{low} to {high}", clear])
    return pipe_table(["P", "difference", "95 % interval", "excludes zero"], rows, names=1)


def main() -> None:
    """Fill the sections of README.md."""
    sections = tables(json.loads(RESULTS.read_text(encoding="utf-8")))
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), sections), encoding="utf-8")


if __name__ == "__main__":
    main()
