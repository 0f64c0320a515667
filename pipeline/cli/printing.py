"""Tables and other answers on the terminal, in a log, and as JSON."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer

Json = typer.Option("--json", help="Print the answer as JSON.")

LOG_WIDTH = 2000
"""Columns of a table that no terminal limits."""


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[str] = ()) -> None:
    """Print a table; on a terminal it fits its width, elsewhere each row is a line.

    Parameters
    ----------
    columns : their heads
    rows : cells in the order of `columns`
    numbers : the columns that stand on the right
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    with console.capture() as captured:
        console.print(table)
    text = captured.get()
    # A log keeps no blanks at the ends of lines.
    typer.echo("\n".join(line.rstrip() for line in text.splitlines()) if not console.is_terminal else text.rstrip("\n"))


def print_json(answer: Any) -> None:
    """Print an answer as JSON."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def duration(seconds: float) -> str:
    """Write a length of time as a person does."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
