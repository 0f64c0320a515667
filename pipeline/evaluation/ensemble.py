"""An ensemble: what several models predicted, combined trial by trial and scored like a model of its own.

A held-out trial is predicted by one fold of each member, the one that did not see it in training, so the ensemble's
scores are as honest as its members'. Where folds were trained with several seeds, each repeat combines the members'
same repeat. A test trial is predicted by the best folds of all members, each fold one voice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.combine import Combination, combine
from pipeline.evaluation.config import EnsembleConfig
from pipeline.evaluation.evaluate import Evaluation, Ranges, clip, score_folds
from pipeline.evaluation.predictions import FramePredictionsFile, TrialPrediction
from pipeline.runtime.errors import InputError, Problem

Array = npt.NDArray[np.float32]


def evaluate_ensemble(
    members: Mapping[str, FramePredictionsFile], *, ranges: Ranges, config: EnsembleConfig
) -> Evaluation:
    """Combine the members' predictions and score them by fold.

    Parameters
    ----------
    members : each member's predictions
    ranges : the targets, in column order, with the range that predictions are clipped to
    config : how to combine, and how many of each member's best folds predict the test trials

    Returns
    -------
    Evaluation whose test trials come in order of their names

    Raises
    ------
    InputError
        Lists where a member's targets, trials, folds, repeats, times or labels are not the first member's, and where
        it has fewer folds' test predictions than `config` asks for.
    """
    _check(members, targets=tuple(ranges), count=config.top_folds)
    first = next(iter(members.values()))
    validation: dict[int, list[TrialPrediction]] = {}
    for trial, one in sorted(first.validation.items()):
        repeats = zip(*(member.validation[trial].repeats for member in members.values()), strict=True)
        together, *further = (clip(combine_present(said, how=config.combine), ranges) for said in repeats)
        assert one.fold is not None
        combined = replace(one, predictions=together, attention={}, further=tuple(further))
        validation.setdefault(one.fold, []).append(combined)
    test = []
    for trial, one in sorted(first.test.items()):
        said = [
            of_fold
            for member in members.values()
            for of_fold in list(member.test[trial].by_fold.values())[: config.top_folds]
        ]
        together = clip(combine_present(said, how=config.combine), ranges)
        test.append(replace(one, predictions=together, attention={}, by_fold={}))
    return Evaluation(
        repeats=score_folds(dict(sorted(validation.items())), list(ranges)),
        best=(),
        validation=tuple(one for _, trials in sorted(validation.items()) for one in trials),
        test=tuple(test),
        members={name: _best(member)[: config.top_folds] for name, member in members.items()},
    )


def combine_present(said: Sequence[Array], *, how: Combination) -> Array:
    """Combine predictions over the frames that all of them have; NaN in the others.

    Parameters
    ----------
    said : one (t, k) per voice, NaN in frames that a model left out (``gaps: compact``)
    how : ``mean`` or ``ccc_centred``
    """
    series = np.stack(said)
    present = ~np.isnan(series).any(axis=(0, 2))
    together = np.full(series.shape[1:], np.nan, dtype=np.float32)
    if present.any():
        together[present] = combine(series[:, present], how=how)
    return together


def _best(member: FramePredictionsFile) -> tuple[int, ...]:
    """Return the folds behind a member's test predictions, best first; none where there are no test trials."""
    return next((tuple(one.by_fold) for one in member.test.values()), ())


def _repeats(member: FramePredictionsFile) -> int:
    """Return how many repeats predicted the held-out trials."""
    return len(next(iter(member.validation.values())).repeats)


def _check(members: Mapping[str, FramePredictionsFile], *, targets: tuple[str, ...], count: int | None) -> None:
    (first_name, first), *others = members.items()
    problems = []
    for name, member in members.items():
        if member.targets != targets:
            problems.append(Problem(f"{name} predicts {', '.join(member.targets)}, not {', '.join(targets)}"))
        if member.test and not _best(member):
            problems.append(Problem(f"{name} has test predictions, but not those of its folds"))
        elif member.test and len(_best(member)) < (count or 0):
            problems.append(Problem(f"{name} has the test predictions of {len(_best(member))} folds, not of {count}"))
    for name, member in others:
        if _repeats(member) != _repeats(first):
            message = f"{first_name} trained each fold {_repeats(first)} times, {name} {_repeats(member)} times"
            problems.append(Problem(message, remedy="give both the same training.repeats"))
        problems += _differences(first_name, first.validation, name, member.validation)
        problems += _differences(first_name, first.test, name, member.test)
    if problems:
        problems = [replace(one, remedy=one.remedy or "run `dvc repro`") for one in problems]
        raise InputError("the members cannot be combined", problems)


def _differences(
    first_name: str, first: Mapping[str, TrialPrediction], name: str, other: Mapping[str, TrialPrediction]
) -> Iterator[Problem]:
    for trial in sorted(first.keys() ^ other.keys()):
        has, lacks = (first_name, name) if trial in first else (name, first_name)
        yield Problem(f"predicted by {has}, not by {lacks}", trial=trial)
    for trial in sorted(first.keys() & other.keys()):
        one, two = first[trial], other[trial]
        if one.fold != two.fold:
            message = f"held out in fold {one.fold} of {first_name} and in fold {two.fold} of {name}"
            yield Problem(message, trial=trial)
        if not np.array_equal(one.time, two.time):
            message = f"{first_name} and {name} predict other frames ({len(one.time)} and {len(two.time)})"
            yield Problem(message, trial=trial)
        elif not _same(one.labels, two.labels):
            yield Problem(f"{first_name} and {name} were scored on other labels", trial=trial)


def _same(one: Array | None, two: Array | None) -> bool:
    if one is None or two is None:
        return one is two
    return np.array_equal(one, two, equal_nan=True)
