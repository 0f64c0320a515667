"""What evaluated models and ensembles leave: predictions, per-trial agreement, the submission, the metrics file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.metrics import Scores, mean_and_sd, mean_scores, overall, score, sd_over_repeats
from pipeline.evaluation.predictions import TrialPrediction, TrialScores, write_frames, write_trial_text, write_trials
from pipeline.evaluation.submission import Repair, write_repairs, write_submission
from pipeline.runtime.files import replacing, replacing_file
from pipeline.runtime.progress import Progress

DIGITS = 6
"""Digits after the point in the metrics file: enough to compare runs, few enough to read."""


def write_evaluation(
    evaluation: Evaluation,
    *,
    predictions: Path,
    metrics: Path,
    targets: Sequence[str],
    sample: Path | None = None,
    timed: bool = False,
) -> list[Repair]:
    """Write all outs; the folder and the metrics file take their places only when everything is complete.

    Parameters
    ----------
    evaluation : what `evaluate` returned
    predictions : folder for frames.h5, trials.csv, one text file per test trial, submission.txt and repairs.csv
    metrics : JSON file
    targets : names of the k columns
    sample : the challenge's sample submission, if there is one
    timed : whether the text files have a column of seconds

    Returns
    -------
    the submission's repairs, which repairs.csv holds too

    Raises
    ------
    InputError
        If the sample does not name the same trials as the test partition.
    """
    count = len(evaluation.validation) + 2 * len(evaluation.test)
    with (
        replacing(predictions) as folder,
        Progress(f"write {predictions}", total=count, what="series of frames") as progress,
    ):
        write_frames(
            folder / "frames.h5",
            targets=targets,
            validation=evaluation.validation,
            test=evaluation.test,
            written=progress.advance,
        )
        write_trials(folder / "trials.csv", trial_scores(evaluation.validation, targets=targets))
        for one in evaluation.test:
            time = one.time if timed else None
            write_trial_text(folder / f"{one.trial}.txt", one.predictions, targets=targets, time=time)
            progress.advance(one.trial)
        tested = {one.trial: one.predictions for one in evaluation.test}
        repairs = write_submission(folder / "submission.txt", tested, targets=targets, sample=sample)
        write_repairs(folder / "repairs.csv", repairs)
        with replacing_file(metrics) as file:
            text = json.dumps(metrics_of(evaluation, repairs=repairs), indent=2) + "\n"
            file.write_text(text, encoding="utf-8", newline="\n")
    return repairs


def metrics_of(evaluation: Evaluation, *, repairs: Sequence[Repair]) -> dict[str, object]:
    """Return the figures of ``metrics/evaluate/<model>.json``: means and SDs, then each fold, then each repeat."""
    repeats = list(evaluation.repeats.values())
    figures: dict[str, object] = {"repeats": len(repeats[0])}
    figures |= _summary("P", [[overall(scores) for scores in of_fold] for of_fold in repeats])
    for target in repeats[0][0]:
        of_target: dict[str, float] = {}
        for name in ("ccc", "pcc", "rmse"):
            of_target |= _summary(name, [[getattr(one[target], name) for one in of_fold] for of_fold in repeats])
        figures[target] = of_target
    figures["folds"] = {
        str(fold): _figures(mean_scores(of_fold))
        | ({"repeats": {str(r): _figures(scores) for r, scores in enumerate(of_fold)}} if len(of_fold) > 1 else {})
        for fold, of_fold in evaluation.repeats.items()
    }
    if evaluation.members:
        figures["members"] = {member: list(best) for member, best in evaluation.members.items()}
    else:
        figures["best_folds"] = list(evaluation.best)
    figures["submission"] = {
        "trials_repaired": len(repairs),
        "rows_repeated": sum(repair.repeated for repair in repairs),
        "frames_cut": sum(repair.cut for repair in repairs),
    }
    return figures


def _summary(name: str, values: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return mean, SD over folds and, where there are several, SD over repeats; `values` by fold and repeat."""
    mean, sd = mean_and_sd([float(np.mean(of_fold)) for of_fold in values])
    over_repeats = sd_over_repeats(values)
    figures = {name: mean, f"{name}_sd": sd} | ({} if over_repeats is None else {f"{name}_sd_repeats": over_repeats})
    return {figure: round(value, DIGITS) for figure, value in figures.items()}


def _figures(scores: Mapping[str, Scores]) -> dict[str, object]:
    """Return the figures of one fold or repeat."""
    figures: dict[str, object] = {"P": round(overall(scores), DIGITS)}
    for target, one in scores.items():
        rounded = {name: round(getattr(one, name), DIGITS) for name in ("ccc", "pcc", "rmse")}
        figures[target] = {**rounded, "frames": one.frames}
    return figures


def trial_scores(validation: Sequence[TrialPrediction], *, targets: Sequence[str]) -> list[TrialScores]:
    """Score every held-out trial by itself, mean over its fold's repeats, in order of folds and names."""
    rows = []
    for one in sorted(validation, key=lambda trial: (trial.fold or 0, trial.trial)):
        for column, target in enumerate(targets):
            labels = one.labels[:, column] if one.labels is not None else np.empty(0, dtype=np.float32)
            scores = None
            if not np.isnan(labels).all():
                scores = mean_scores([{target: score(labels, said[:, column])} for said in one.repeats])[target]
            rows.append(TrialScores(one.trial, one.fold or 0, target, scores))
    return rows
