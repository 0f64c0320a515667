"""The page itself: results become text and figures here, the template only lays them out."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.config import Params
from pipeline.report.curves import training_curves
from pipeline.report.differences import READING, by_pair
from pipeline.report.explorer import Explorer, explore
from pipeline.report.legend import Legend, of_gates, of_model
from pipeline.report.overview import overview
from pipeline.report.provenance import Provenance
from pipeline.report.segments import Segments, conditions, gate_weights
from pipeline.report.significance import Difference
from pipeline.report.sources import ModelResults, from_leader, ranked
from pipeline.report.tables import CccTable, Line
from pipeline.report.traces import NARROW, PIXELS_PER_POINT, Trace, choose, trace
from pipeline.report.typeset import number
from pipeline.report.verdict import WAYS, caution, listed, made_of, standing, trained


def render(
    params: Params,
    results: Sequence[ModelResults],
    table: CccTable,
    differences: Sequence[Difference],
    *,
    provenance: Provenance,
    segments: Segments,
    clips: Path,
) -> str:
    """Return the page: one HTML document without links to other files, dates or paths, readable without its scripts.

    Parameters
    ----------
    params : all parameters
    results : of every model and ensemble
    table : their CCC
    differences : of every two models, by figure
    provenance : where they come from
    segments : useless segments by trial, if the corpus knows any
    clips : folder of the clips
    """
    environment = Environment(loader=PackageLoader("pipeline.report", "."), autoescape=True, undefined=StrictUndefined)
    models = [one.name for one in results]
    targets = params.corpus.targets
    environment.filters["breakable"] = breakable
    drawn = _drawn(results, table)
    traces = _traces(params, results, table, segments, drawn)
    found = conditions({one.name: one.frames.validation for one in results}, segments, targets=list(targets))
    gates = [(model, gate) for model, weights in (found[0].gates if found else {}).items() for gate in weights]
    curves = {one.name: one.curves for one in results if one.curves}
    longest = max((len(one.time) for one in results[0].frames.validation.values()), default=0)
    return environment.get_template("page.html").render(
        title=params.report.title,
        standing=standing(table, from_leader(differences, table), trials=len(results[0].resampled.trials)),
        caution=caution(params.backbones, kind=provenance.kind, trials=provenance.trials, published=table.compared),
        targets=list(targets),
        models=models,
        folds=table.folds,
        figures=list(dict.fromkeys(line.figure for line in table.lines)),
        rows=[_row(params, table, model, index) for index, model in enumerate(models)],
        trained=trained({one.name: one.resampled.repeats for one in results}),
        repeated=table.repeated,
        official_split=provenance.official_split,
        any_published=table.compared,
        diamond=_diamond(table),
        overview=overview(table, models=models),
        differences=[
            {"pair": pair, "cells": [_difference(one) for one in found]} for pair, found in by_pair(differences).items()
        ],
        reading=READING,
        published=[_published(one, provenance) for one in results if one.published],
        conditions=[{**asdict(one), "frames": grouped(one.frames)} for one in found],
        number=number,
        gate_names=gates,
        traces=traces,
        explorer=_explorer(params, results, segments, drawn, traces, clips),
        trace_legend=[Legend("label", "--ink", width=3), *(of_model(model, models.index(model)) for model in drawn)],
        drawn=len(drawn),
        gate_legend=_gate_legend(results, segments),
        segments_known=bool(segments),
        thinned=longest > NARROW // PIXELS_PER_POINT,
        training=list(training_curves(curves, models=models).values()),
        combination=_combination(params),
        made_of=made_of(params.ensembles),
        tests=[_test(one, params) for one in results if one.frames.test],
        sample=params.corpus.sample,
        repairs=results[0].repairs,
        provenance=provenance,
        grouped=grouped,
    )


def breakable(name: str) -> Markup:
    """Let a name such as ``cross_modal_attention`` break after its underscores."""
    return escape(name).replace("_", Markup("_<wbr>"))


def grouped(count: int) -> str:
    """Write a count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def _gate_legend(results: Sequence[ModelResults], segments: Segments) -> list[Legend]:
    first = [trial for one in results for trial in list(one.frames.validation.values())[:1]]
    marked = sorted({segment.modality for of_trial in segments.values() for segment in of_trial}, reverse=True)
    names = {"visual": "visual useless", "audio": "audio useless"}
    return [*of_gates(first), *(Legend(names[m], f"--shade-{m}", width=10) for m in marked if m in names)]


def _row(params: Params, table: CccTable, model: str, index: int) -> dict[str, object]:
    return {
        "model": model,
        "legend": of_model(model, index),
        **_described(params, model),
        "cells": [_cell(table, line) for line in table.lines if line.model == model],
    }


def _described(params: Params, model: str) -> dict[str, str]:
    """Say below a model's name what it is: its fusion system and streams, or an ensemble's members."""
    ensemble = params.ensembles.get(model)
    if ensemble is not None:
        return {"what": f"ensemble, {WAYS[ensemble.combine]}", "of": listed(ensemble.models)}
    config = params.evaluated()[model]
    return {"what": config.fusion.replace("_", " "), "of": " + ".join(config.streams)}


def _cell(table: CccTable, line: Line) -> dict[str, object]:
    return {
        "figure": line.figure,
        "mean": number(line.mean),
        "value": f"{line.mean:.6f}",
        "sd": number(line.sd),
        "low": number(line.interval.low),
        "high": number(line.interval.high),
        "sd_repeats": _printed(line.sd_repeats),
        "published": _printed(line.published),
        "official": _official(line),
        "best": table.best(line) and len({other.model for other in table.lines}) > 1,
        "folds": [
            {"value": number(line.folds.get(fold)), "published": _printed(line.published_folds.get(fold))}
            for fold in table.folds
        ],
    }


def _printed(value: float | None) -> str | None:
    return None if value is None else number(value)


def _official(line: Line) -> dict[str, str] | None:
    """Return fold 0's figure and the published one of the official split, for a row that was measured on that alone."""
    if line.published is not None or 0 not in line.published_folds:
        return None
    return {"ours": number(line.folds[0]), "published": number(line.published_folds[0])}


def _diamond(table: CccTable) -> str:
    """Say what the diamonds of the overview compare with; empty where there are none."""
    of_mean = any(line.published is not None for line in table.lines)
    of_fold = any(_official(line) for line in table.lines)
    if of_mean and of_fold:
        return "it compares with the ringed dot, fold 0, where there is one, and with the mean where there is none"
    return "it compares with the ringed dot, fold 0" if of_fold else "it compares with the mean" if of_mean else ""


def _difference(one: Difference) -> dict[str, object]:
    return {
        "value": number(one.value),
        "low": number(one.interval.low),
        "high": number(one.interval.high),
        "excludes_zero": one.clear,
    }


def _published(one: ModelResults, provenance: Provenance) -> dict[str, str]:
    assert one.published is not None
    key = one.published.key
    return {
        "model": one.name,
        "method": key.method,
        "modality": key.modality,
        "source": key.source,
        "dataset": one.published.dataset,
        "compared": one.published.compare(official_split=provenance.official_split).words,
        "backbones": one.published.backbones,
    }


LINES = 4
"""Models drawn in one trace; more lines hide each other."""


def _drawn(results: Sequence[ModelResults], table: CccTable) -> list[str]:
    """Choose the models whose traces are drawn: those with gates, then those of highest P; in the page's order."""
    gated = {one.name for one in results for trial in one.frames.validation.values() if gate_weights(trial)}
    order = sorted((line.model for line in ranked(table)), key=lambda model: model not in gated)
    return [one.name for one in results if one.name in order[:LINES]]


def _traces(
    params: Params, results: Sequence[ModelResults], table: CccTable, segments: Segments, drawn: Sequence[str]
) -> list[Trace]:
    leader = ranked(table)[0].model
    validation = {one.name: one.frames.validation for one in results}
    targets = params.corpus.targets
    chosen = choose(validation[leader], segments, targets=list(targets), count=params.report.traces)
    return [
        trace(
            trial,
            {model: validation[model][trial] for model in drawn},
            colours={model: place for place, model in enumerate(validation)},
            targets=targets,
            segments=segments.get(trial, ()),
            number_on_page=place,
        )
        for place, trial in enumerate(chosen)
    ]


def _explorer(
    params: Params,
    results: Sequence[ModelResults],
    segments: Segments,
    drawn: Sequence[str],
    traces: Sequence[Trace],
    clips: Path,
) -> Explorer | None:
    """Pack every validation and test trial; nothing where params.yaml gives no room or there is no trial."""
    trials = {
        trial: {one.name: getattr(one.frames, part)[trial] for one in results}
        for part in ("validation", "test")
        for trial in getattr(results[0].frames, part)
    }
    if not params.report.explorer or not trials:
        return None
    return explore(
        trials,
        targets=params.corpus.targets,
        drawn=drawn,
        segments=segments,
        clips=clips,
        first=traces[0].trial if traces else None,
        megabytes=params.report.explorer,
    )


def _combination(params: Params) -> str:
    if params.evaluate.top_folds == 1:
        return " (here the best alone)"
    how = {"mean": "averaged", "ccc_centred": "averaged after CCC-centring"}[params.evaluate.combine]
    return f" (here the best {params.evaluate.top_folds}, {how})"


def _test(one: ModelResults, params: Params) -> dict[str, object]:
    trials = one.frames.test.values()
    limits = np.array(list(params.corpus.targets.values()), dtype=np.float32)
    joined = np.concatenate([np.empty((0, len(limits)), np.float32), *(trial.predictions for trial in trials)])
    at_limit = ((joined <= limits[:, 0]) | (joined >= limits[:, 1])).mean() if len(joined) else 0.0
    return {
        "model": one.name,
        "folds": [f"{member} {', '.join(map(str, best)) or '–'}" for member, best in one.members.items()]
        or [", ".join(map(str, one.best_folds))],
        "trials": len(trials),
        "frames": grouped(len(joined)),
        "targets": [
            f"{number(float(column.mean()))} ± {number(float(column.std()))}" if len(joined) else number(None)
            for column in joined.astype(np.float64).T
        ],
        "clipped": f"{100 * at_limit:.1f} %",
    }
