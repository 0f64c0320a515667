"""What the page is made of: every model's results, read from where the stages before wrote them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import FINETUNED
from pipeline.errors import InputError, Problem
from pipeline.evaluation.predictions import FramePredictionsFile, read_frames
from pipeline.evaluation.published import PublishedRow
from pipeline.evaluation.report.curves import Curve, read_curves
from pipeline.evaluation.significance import Bootstrap, Interval, bootstrap
from pipeline.evaluation.submission import Repair, read_repairs
from pipeline.evaluation.tables import CccTable, Line, P


@dataclass(frozen=True)
class ModelResults:
    """One model's results.

    Parameters
    ----------
    name : as in ``models`` of params.yaml
    folds : CCC by fold and target, and ``P``
    best_folds : the folds that predicted the test trials, best first
    curves : training by fold
    frames : per-frame predictions
    repairs : what the submission needed
    resampled : the bootstrap of its CCC
    published : the row it is compared with
    """

    name: str
    folds: dict[int, dict[str, float]]
    best_folds: tuple[int, ...]
    curves: dict[int, Curve]
    frames: FramePredictionsFile
    repairs: list[Repair]
    resampled: Bootstrap
    published: PublishedRow | None


def read_results(root: Path, published: Mapping[str, PublishedRow | None]) -> tuple[ModelResults, ...]:
    """Read the results of every model, in the order of `published`.

    Parameters
    ----------
    root : the project, in which metrics/, plots/ and predictions/ lie
    published : the models to show, each with the published row it is compared with

    Raises
    ------
    InputError
        Lists every model of which something is missing, or whose targets or folds differ from the first model's.
    """
    problems = [
        Problem(f"{path.relative_to(root)} is missing", remedy=f"run `dvc repro {_item(stage, model)}`")
        for model in published
        for stage, paths in _files(root, model).items()
        for path in paths
        if not path.is_file()
    ]
    if problems:
        raise InputError("models of params.yaml are not evaluated", problems)
    results = tuple(_read(root, model, row) for model, row in published.items())
    check_alike(results)
    return results


def _item(stage: str, model: str) -> str:
    base = model.removesuffix(FINETUNED)
    return f"{stage}@{model}" if base == model else f"finetune@{base}"


def _files(root: Path, model: str) -> dict[str, list[Path]]:
    folder = root / "predictions" / model
    return {
        "train": [root / "plots" / "train" / f"{model}.csv"],
        "evaluate": [root / "metrics" / "evaluate" / f"{model}.json", folder / "frames.h5", folder / "repairs.csv"],
    }


def _read(root: Path, model: str, published: PublishedRow | None) -> ModelResults:
    metrics = json.loads((root / "metrics" / "evaluate" / f"{model}.json").read_text(encoding="utf-8"))
    frames = read_frames(root / "predictions" / model / "frames.h5")
    folds = {
        int(fold): {target: float(figures[target]["ccc"]) for target in frames.targets} | {P: float(figures["P"])}
        for fold, figures in metrics["folds"].items()
    }
    return ModelResults(
        name=model,
        folds=dict(sorted(folds.items())),
        best_folds=tuple(metrics["best_folds"]),
        curves=read_curves(root / "plots" / "train" / f"{model}.csv"),
        frames=frames,
        repairs=read_repairs(root / "predictions" / model / "repairs.csv"),
        resampled=bootstrap(list(frames.validation.values()), targets=frames.targets),
        published=published,
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


def ccc_table(results: Sequence[ModelResults], *, note: str) -> CccTable:
    """Build the table of all models: a line per target, then P."""
    lines = [
        Line(
            model=one.name,
            figure=figure,
            folds={fold: values[figure] for fold, values in one.folds.items()},
            interval=one.resampled.interval(figure),
            published=_published(one, figure),
        )
        for one in results
        for figure in (*one.frames.targets, P)
    ]
    return CccTable(lines=tuple(lines), note=note)


def _published(one: ModelResults, figure: str) -> float | None:
    row = one.published
    if row is None:
        return None
    if figure == P:
        return row.p if set(one.frames.targets) <= row.ccc.keys() else None
    return row.ccc.get(figure)


@dataclass(frozen=True)
class Difference:
    """How far the leading model is ahead of `model` in P, with the paired interval."""

    model: str
    value: float
    interval: Interval

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval.low > 0 or self.interval.high < 0


def ranked(table: CccTable) -> list[Line]:
    """Return the P lines, the highest mean first; of equal ones the earlier model."""
    return sorted((line for line in table.lines if line.figure == P), key=lambda line: -line.mean)


def differences(results: Sequence[ModelResults], table: CccTable) -> list[Difference]:
    """Compare the leading model with each other one, the runner-up first."""
    by_name = {one.name: one for one in results}
    leader, *others = ranked(table)
    return [
        Difference(
            model=line.model,
            value=leader.mean - line.mean,
            interval=by_name[leader.model].resampled.difference(by_name[line.model].resampled, P),
        )
        for line in others
    ]
