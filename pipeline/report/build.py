"""The report stage's work: read all results, write the page, the CCC table and the models' differences."""

from pathlib import Path

from pipeline.config import Params
from pipeline.report.differences import differences_csv, differences_latex, differences_markdown
from pipeline.report.page import render
from pipeline.report.provenance import read_provenance
from pipeline.report.published import published_row
from pipeline.report.segments import read_segments
from pipeline.report.sources import ccc_table, differences, read_results
from pipeline.report.tables import to_csv, to_json, to_latex, to_markdown
from pipeline.report.verdict import caution, made_of, trained
from pipeline.runtime.files import replacing_file
from pipeline.runtime.layout import CLIPS


def build_report(params: Params, *, root: Path, reports: Path) -> None:
    """Write index.html, ccc.csv, .md, .tex, .json and differences.csv; nothing is written unless all six can be.

    Parameters
    ----------
    params : all parameters; every model and ensemble is shown
    root : the project, below which the earlier stages' outs lie
    reports : folder to write into; other files in it stay

    Raises
    ------
    InputError
        If a model or ensemble has not been evaluated, or an earlier stage's out is missing.
    ConfigError
        If a model's `published` key names no published row.
    """
    keys = {name: model.published for name, model in params.evaluated().items()}
    published = {name: published_row(key) if key else None for name, key in keys.items()}
    provenance = read_provenance(root, params)
    segments = read_segments(root / params.corpus.root)
    results = read_results(root, published, ensembles=params.ensembles)
    compared = any(published.values())
    note = caution(params.backbones, kind=provenance.kind, trials=provenance.trials, published=compared)
    note = note or f"CCC on held-out trials{', beside published numbers' if compared else ''}."
    seeds = trained({one.name: one.resampled.repeats for one in results})
    table = ccc_table(
        results,
        note=" ".join(filter(None, [note, seeds, made_of(params.ensembles)])),
        official_split=provenance.official_split,
    )
    found = differences(results, table)
    page = render(params, results, table, found, provenance=provenance, segments=segments, clips=root / CLIPS)
    files = {
        "index.html": page,
        "ccc.csv": to_csv(table),
        "ccc.md": "\n".join(filter(None, [to_markdown(table), differences_markdown(found)])),
        "ccc.tex": "\n".join(filter(None, [to_latex(table), differences_latex(found)])),
        "ccc.json": to_json(table, found),
        "differences.csv": differences_csv(found),
    }
    for name, text in files.items():
        with replacing_file(reports / name) as file:
            file.write_text(text, encoding="utf-8", newline="\n")
