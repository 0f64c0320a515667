"""What the page is made of: every model's results, read from where the stages before wrote them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pipeline.evaluation.predictions import FramePredictionsFile, read_frames
from pipeline.evaluation.runs import Run
from pipeline.evaluation.submission import Repair, read_repairs
from pipeline.report.curves import Curve, read_curves
from pipeline.report.published import PublishedRow, figure_of
from pipeline.report.significance import Bootstrap, Difference, bootstrap
from pipeline.report.tables import CccTable, Line, P
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.layout import FINETUNED
from pipeline.runtime.reading import reading


@dataclass(frozen=True)
class ModelResults:
    """The results of one model or ensemble.

    Parameters
    ----------
    name : as in ``models`` or ``ensembles`` of params.yaml
    repeats : by fold, for each of its repeats CCC by target, and ``P``
    best_folds : the folds that predicted the test trials, best first; none for an ensemble
    curves : training by fold and repeat; none for an ensemble
    frames : per-frame predictions
    repairs : what the submission needed
    resampled : the bootstrap of its CCC
    published : the row it is compared with
    members : of an ensemble, each member's folds that predicted the test trials, best first
    """

    name: str
    repeats: dict[int, tuple[dict[str, float], ...]]
    best_folds: tuple[int, ...]
    curves: dict[Run, Curve]
    frames: FramePredictionsFile
    repairs: list[Repair]
    resampled: Bootstrap
    published: PublishedRow | None
    members: Mapping[str, tuple[int, ...]]


def read_results(
    root: Path, published: Mapping[str, PublishedRow | None], *, ensembles: Collection[str] = ()
) -> tuple[ModelResults, ...]:
    """Read the results of every model, in the order of `published`, then of every ensemble.

    Parameters
    ----------
    root : the project, in which metrics/, plots/ and predictions/ lie
    published : the models to show, each with the published row it is compared with
    ensembles : the ensembles to show

    Raises
    ------
    InputError
        Lists every one of which something is missing, or whose targets or folds differ from the first model's.
    """
    problems = [
        Problem(f"{path.relative_to(root)} is missing", remedy=f"run `dvc repro {stage}`")
        for name in (*published, *ensembles)
        for stage, paths in _files(root, name, ensemble=name in ensembles).items()
        for path in paths
        if not path.is_file()
    ]
    if problems:
        raise InputError("models of params.yaml are not evaluated", problems)
    models = (_read(root, model, row) for model, row in published.items())
    results = (*models, *(_read(root, name, None, ensemble=True) for name in ensembles))
    check_alike(results)
    return results


def _files(root: Path, name: str, *, ensemble: bool) -> dict[str, list[Path]]:
    """Return what is read of a model or ensemble, by the stage that writes it."""
    folder = root / "predictions" / name
    scores = [root / "metrics" / "evaluate" / f"{name}.json", folder / "frames.h5", folder / "repairs.csv"]
    curves = [root / "plots" / "train" / f"{name}.csv"]
    if ensemble:
        return {f"ensemble@{name}": scores}
    base = name.removesuffix(FINETUNED)
    return (
        {f"finetune@{base}": curves + scores} if base != name else {f"train@{name}": curves, f"evaluate@{name}": scores}
    )


def _read(root: Path, model: str, published: PublishedRow | None, *, ensemble: bool = False) -> ModelResults:
    frames = read_frames(root / "predictions" / model / "frames.h5")
    file = root / "metrics" / "evaluate" / f"{model}.json"
    with reading(file, what="scores cannot be read", remedy="run `dvc repro evaluate`"):
        metrics = json.loads(file.read_text(encoding="utf-8"))
        repeats = {
            int(fold): tuple(
                {target: float(one[target]["ccc"]) for target in frames.targets} | {P: float(one["P"])}
                for one in figures.get("repeats", {"0": figures}).values()
            )
            for fold, figures in metrics["folds"].items()
        }
        members = {member: tuple(best) for member, best in metrics["members"].items()} if ensemble else {}
        best_folds = () if ensemble else tuple(metrics["best_folds"])
    return ModelResults(
        name=model,
        repeats=dict(sorted(repeats.items())),
        best_folds=best_folds,
        curves={} if ensemble else read_curves(root / "plots" / "train" / f"{model}.csv"),
        frames=frames,
        repairs=read_repairs(root / "predictions" / model / "repairs.csv"),
        resampled=bootstrap(list(frames.validation.values()), targets=frames.targets),
        published=published,
        members=members,
    )


def check_alike(results: Sequence[ModelResults]) -> None:
    """Refuse models that were evaluated on other targets, folds or trials than the first; all are listed."""
    first = results[0]
    problems = []
    for one in results[1:]:
        if one.frames.targets != first.frames.targets:
            message = f"{one.name} has the targets {one.frames.targets}, {first.name} has {first.frames.targets}"
            problems.append(Problem(message, remedy="run `dvc repro`"))
        elif one.resampled.trials != first.resampled.trials:
            message = f"{one.name} was evaluated on other folds or trials than {first.name}"
            problems.append(Problem(message, remedy="run `dvc repro`"))
    if problems:
        raise InputError("the models' results cannot be compared", problems)


def ccc_table(results: Sequence[ModelResults], *, note: str, official_split: bool) -> CccTable:
    """Build the table of all models: a line per target, then P.

    Parameters
    ----------
    results : of every model and ensemble
    note : what a reader must know
    official_split : whether the corpus has a validation partition, which fold 0 then validates on
    """
    figures = (*results[0].frames.targets, P)
    return CccTable(tuple(_line(one, figure, official_split) for one in results for figure in figures), note)


def _line(one: ModelResults, figure: str, official_split: bool) -> Line:
    mean, folds = None, {}
    if one.published is not None:
        comparison = one.published.compare(official_split=official_split)
        mean = figure_of(comparison.mean, figure, targets=one.frames.targets)
        found = {k: figure_of(ccc, figure, targets=one.frames.targets) for k, ccc in comparison.folds.items()}
        folds = {k: value for k, value in found.items() if value is not None and k in one.repeats}
    return Line(
        model=one.name,
        figure=figure,
        values={fold: tuple(values[figure] for values in repeats) for fold, repeats in one.repeats.items()},
        interval=one.resampled.interval(figure),
        published=mean,
        published_folds=folds,
        members=tuple(one.members),
    )


def ranked(table: CccTable) -> list[Line]:
    """Return the P lines, the highest mean first; of equal ones the earlier model."""
    return sorted((line for line in table.lines if line.figure == P), key=lambda line: -line.mean)


def differences(results: Sequence[ModelResults], table: CccTable) -> list[Difference]:
    """Compare every two models, the one of higher mean P first: the leader with all others, then the runner-up, ..."""
    by_name = {one.name: one for one in results}
    lines = {(line.model, line.figure): line for line in table.lines}
    figures = dict.fromkeys(line.figure for line in table.lines)
    order = [line.model for line in ranked(table)]
    return [
        Difference(
            first=first,
            second=second,
            figure=figure,
            value=lines[first, figure].mean - lines[second, figure].mean,
            interval=by_name[first].resampled.difference(by_name[second].resampled, figure),
        )
        for first, second in combinations(order, 2)
        for figure in figures
    ]


def from_leader(found: Sequence[Difference], table: CccTable) -> list[Difference]:
    """Pick the leading model's differences from the others in P, the runner-up first."""
    leader = ranked(table)[0].model
    return [one for one in found if one.first == leader and one.figure == P]
