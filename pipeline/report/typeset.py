"""Tables as text: Markdown for a page, and LaTeX for a paper that loads booktabs."""

from collections.abc import Sequence

from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

RULE = SEPARATING_LINE
"""In the place of a row of `booktabs`: a line across the table."""

_BOOKTABS = TableFormat(
    lineabove=Line(r"\toprule", "", "", ""),
    linebelowheader=Line(r"\midrule", "", "", ""),
    linebetweenrows=None,
    linebelow=Line(r"\bottomrule", "", "", ""),
    headerrow=DataRow("", " & ", r" \\"),
    datarow=DataRow("", " & ", r" \\"),
    padding=0,
    with_header_hide=None,
)

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "−": "$-$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def pipe_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, names: int) -> str:
    """Write a table in Markdown; the first `names` columns hold names, the others numbers, at the right."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in (header, *rows)]
    align = ["left"] * names + ["right"] * (len(header) - names)
    return tabulate(cells[1:], headers=cells[0], tablefmt="pipe", colalign=align, disable_numparse=True)


def booktabs(
    header: Sequence[str], rows: Sequence[Sequence[str] | str], *, names: int, caption: str, label: str
) -> str:
    """Write a table float.

    Parameters
    ----------
    header, rows : cells in LaTeX (see `escape`); a row may be `RULE`
    names : how many columns at the left hold names; the others hold numbers, at the right
    caption, label : of the float; the caption in plain text
    """
    align = ["left"] * names + ["right"] * (len(header) - names)
    body = tabulate(rows, headers=header, tablefmt=_BOOKTABS, colalign=align, disable_numparse=True)
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escape(caption)}}}",
            rf"  \label{{{label}}}",
            rf"  \begin{{tabular}}{{{''.join(side[0] for side in align)}}}",
            *(f"    {line}" for line in body.splitlines()),
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escape(text: str) -> str:
    """Write plain text in LaTeX."""
    return "".join(_LATEX.get(character, character) for character in text)


def number(value: float | None) -> str:
    """Three digits after the point, with a true minus sign; a dash where there is no value."""
    if value is None:
        return "–"
    text = f"{value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")
