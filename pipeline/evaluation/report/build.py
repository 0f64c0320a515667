"""The report stage's work: read all results, write the page and the CCC table."""

from pathlib import Path

from pipeline.cache.files import replacing_file
from pipeline.config import Params
from pipeline.evaluation.published import published_row
from pipeline.evaluation.report.page import render
from pipeline.evaluation.report.provenance import read_provenance
from pipeline.evaluation.report.segments import read_segments
from pipeline.evaluation.report.sources import ccc_table, read_results
from pipeline.evaluation.report.verdict import caution
from pipeline.evaluation.tables import to_csv, to_json, to_latex, to_markdown


def build_report(params: Params, *, root: Path, reports: Path) -> None:
    """Write index.html and ccc.csv, .md, .tex, .json; nothing is written unless all five can be.

    Parameters
    ----------
    params : all parameters; every model of `models` is shown
    root : the project, below which the earlier stages' outs lie
    reports : folder to write into; other files in it stay

    Raises
    ------
    InputError
        If a model has not been evaluated, or an earlier stage's out is missing.
    ConfigError
        If a model's `published` key names no published row.
    """
    keys = {name: model.published for name, model in params.evaluated().items()}
    published = {name: published_row(key) if key else None for name, key in keys.items()}
    provenance = read_provenance(root, params)
    segments = read_segments(root / params.corpus.root)
    results = read_results(root, published)
    note = (
        caution(params.backbones, kind=provenance.kind, trials=provenance.trials)
        or "CCC on held-out trials, beside published numbers."
    )
    table = ccc_table(results, note=note)
    page = render(params, results, table, provenance=provenance, segments=segments)
    files = {
        "index.html": page,
        "ccc.csv": to_csv(table),
        "ccc.md": to_markdown(table),
        "ccc.tex": to_latex(table),
        "ccc.json": to_json(table),
    }
    for name, text in files.items():
        with replacing_file(reports / name) as file:
            file.write_text(text, encoding="utf-8", newline="\n")
