"""The paired differences between all models: who is ahead of whom, and is that more than the choice of trials."""

import csv
import io
from collections.abc import Mapping, Sequence

from pipeline.report.significance import Difference
from pipeline.report.typeset import booktabs, escape, number, pipe_table

READING = (
    "Each row is the first model's figure minus the second's, mean over folds; in brackets a 95 % interval, for which "
    "trials, and repeats where there are several, are resampled alike for both models. Where it excludes zero (bold), "
    "their order does not depend on which trials were held out, nor, with several repeats, on the seeds; where it "
    "contains zero, it may. The interval of a model that was trained once knows nothing of other seeds. Between equal "
    "models, about one interval in twenty excludes zero by chance, and more where folds hold few trials or repeats."
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
    rows = [
        [f"{first} − {second}", *(f"**{cell(one)}**" if one.clear else cell(one) for one in found)]
        for (first, second), found in pairs.items()
    ]
    return f"{pipe_table(_header(pairs), rows, names=1)}\n\n{READING}\n"


def differences_latex(differences: Sequence[Difference]) -> str:
    """Write a table float for a document that loads booktabs; nothing where there is no pair."""
    pairs = by_pair(differences)
    if not pairs:
        return ""
    rows = []
    for (first, second), found in pairs.items():
        texts = [escape(cell(one)) for one in found]
        cells = [rf"\textbf{{{text}}}" if one.clear else text for text, one in zip(texts, found, strict=True)]
        rows.append([escape(f"{first} − {second}"), *cells])
    header = [escape(text) for text in _header(pairs)]
    caption = f"Paired differences in CCC. {READING}"
    return booktabs(header, rows, names=1, caption=caption, label="tab:differences")


def _header(pairs: Mapping[Pair, Sequence[Difference]]) -> list[str]:
    return ["difference", *(one.figure for one in next(iter(pairs.values())))]


def cell(one: Difference) -> str:
    """Write a difference and its interval."""
    return f"{number(one.value)} [{number(one.interval.low)}, {number(one.interval.high)}]"
