"""The table that `affectflow validate` prints: what each trial of a corpus holds."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from pipeline.cli.printing import print_table

if TYPE_CHECKING:
    from pipeline.readers.index import Survey
    from pipeline.runtime.errors import Problem

SHOWN = 40
"""Trials of a larger corpus that are shown: those with a problem first."""

COLUMNS = ("trial", "partition", "subject", "frames", "per second", "faces", "sound", "labels", "problems")


def survey_rows(found: "Survey", problems: Sequence["Problem"]) -> list[dict[str, Any]]:
    """Return what is known of each trial, None where it is not."""
    counts = Counter(problem.trial for problem in problems)
    rows = []
    for row in found.rows:
        facts = found.facts.get(row.trial, {})
        rows.append(
            {
                "trial": row.trial,
                "partition": row.partition,
                "subject": row.subject,
                "frames": facts.get("frames"),
                "rate": facts.get("rate"),
                "crops": row.n_images if row.images else None,
                "faces": facts.get("faces"),
                "looked": facts.get("looked"),
                "sound": facts.get("sound"),
                "label_rows": facts.get("rows"),
                "labelled": facts.get("labelled"),
                "problems": counts[row.trial],
            }
        )
    return rows


def print_survey(found: "Survey", problems: Sequence["Problem"], *, every: bool) -> None:
    """Print the table, and in words what it shows that is no problem yet."""
    rows = survey_rows(found, problems)
    if not rows:
        return
    # Sorting is stable: trials stay in their order.
    shown = rows if every or len(rows) <= SHOWN else sorted(rows, key=lambda row: -row["problems"])[:SHOWN]
    print_table(COLUMNS, [_cells(row) for row in shown], numbers=("frames", "per second", "faces", "sound", "labels"))
    if len(shown) < len(rows):
        typer.echo(f"... and {len(rows) - len(shown)} more trials: --all shows them")
    for note in survey_notes(rows):
        typer.echo(f"note: {note}")


def survey_notes(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say which trials look odd although nothing is known to be wrong with them."""
    notes = []
    if faceless := [row["trial"] for row in rows if row["looked"] and not row["faces"]]:
        what = "no face in a quick look" if len(faceless) == 1 else f"no face in a quick look at {len(faceless)} trials"
        remedy = "the stage clips searches every frame; `clips: {on_error: skip}` goes on without trials that have none"
        notes.append(f"{what} ({_some(faceless)}) -> {remedy}")
    if silent := [row["trial"] for row in rows if row["sound"] == 0]:
        notes.append(
            f"no sound in {len(silent)} of {len(rows)} trials ({_some(silent)}): for models without sound only"
        )
    if bare := [row["trial"] for row in rows if row["labelled"] == 0]:
        notes.append(
            f"label files without a single label: {_some(bare)} -> fill them, or leave the column labels empty"
        )
    return notes


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    if row["crops"] is not None:
        faces = f"{row['crops']} crops"
    else:
        faces = "" if row["looked"] is None else f"{row['faces']:.0f} of {row['looked']:.0f}"
    sound = "" if row["sound"] is None else "none" if row["sound"] == 0 else f"{row['sound']:.1f} s"
    return (
        row["trial"],
        row["partition"],
        row["subject"],
        "" if row["frames"] is None else f"{row['frames']:.0f}",
        "" if row["rate"] is None else f"{row['rate']:.4g}",
        faces,
        sound,
        "" if row["label_rows"] is None else f"{row['labelled']:.0f} of {row['label_rows']:.0f} rows",
        str(row["problems"] or ""),
    )
