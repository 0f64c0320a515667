"""The paired differences between all models: who is ahead of whom, and is that more than the choice of trials."""

import csv
import io
from collections.abc import Sequence

from pipeline.report.significance import Difference
from pipeline.report.tables import escape, number

READING = (
    "Each row is the first model's figure minus the second's, mean over folds; in brackets a 95 % interval, for which "
    "both models are given the same trials, drawn anew. Where it leaves out zero (bold), their order does not hang on "
    "which trials were held out; where it holds zero, it may. Between equal models, about one interval in twenty "
    "leaves out zero by chance, and more where folds hold few trials."
)
"""How to read the table, in every place where it stands."""

Pair = tuple[str, str]


def by_pair(differences: Sequence[Difference]) -> dict[Pair, list[Difference]]:
    """Gather the figures of each pair, pairs and figures in the order in which they come."""
    pairs: dict[Pair, list[Difference]] = {}
    for one in differences:
        pairs.setdefault((one.first, one.second), []).append(one)
    return pairs


def differences_csv(differences: Sequence[Difference]) -> str:
    """Write one row per pair and figure."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["first", "second", "figure", "difference", "low_95", "high_95", "excludes_zero"])
    for one in differences:
        numbers = [f"{value:.6f}" for value in (one.value, one.interval.low, one.interval.high)]
        writer.writerow([one.first, one.second, one.figure, *numbers, "yes" if one.clear else "no"])
    return buffer.getvalue()


def differences_markdown(differences: Sequence[Difference]) -> str:
    """Write a pipe table, a row per pair; nothing where there is no pair."""
    pairs = by_pair(differences)
    if not pairs:
        return ""
    figures = [one.figure for one in next(iter(pairs.values()))]
    rows = [["difference", *figures], ["---", *["---:"] * len(figures)]]
    for (first, second), found in pairs.items():
        cells = [f"**{cell(one)}**" if one.clear else cell(one) for one in found]
        rows.append([f"{first} − {second}", *cells])
    table = "\n".join(f"| {' | '.join(text.replace('|', chr(92) + '|') for text in row)} |" for row in rows)
    return f"{table}\n\n{READING}\n"


def differences_latex(differences: Sequence[Difference]) -> str:
    """Write a table float for a document that loads booktabs; nothing where there is no pair."""
    pairs = by_pair(differences)
    if not pairs:
        return ""
    figures = [one.figure for one in next(iter(pairs.values()))]
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{Paired differences in CCC. {escape(READING)}}}",
        r"  \label{tab:differences}",
        rf"  \begin{{tabular}}{{l{'r' * len(figures)}}}",
        r"    \toprule",
        f"    {' & '.join(['difference', *map(escape, figures)])} \\\\",
        r"    \midrule",
    ]
    for (first, second), found in pairs.items():
        texts = [escape(cell(one)) for one in found]
        cells = [rf"\textbf{{{text}}}" if one.clear else text for text, one in zip(texts, found, strict=True)]
        lines.append(f"    {' & '.join([f'{escape(first)} $-$ {escape(second)}', *cells])} \\\\")
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]) + "\n"


def cell(one: Difference) -> str:
    """Write a difference and its interval."""
    return f"{number(one.value)} [{number(one.interval.low)}, {number(one.interval.high)}]"
