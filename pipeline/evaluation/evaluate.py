"""Score a model's folds on the trials they never saw, and let the best of them predict the test trials."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.combine import Combination, combine
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.metrics import Scores, mean_scores, overall, score_targets
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.runtime.errors import ConfigError, InputError, Problem
from pipeline.runtime.progress import Progress

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class TrialInput:
    """What a model is given for one trial, and what it is held against.

    Parameters
    ----------
    time : (t,) seconds
    streams : embeddings by role, each (t, d), or (v, t, d) where there are several views
    labels : (t, k), NaN where un-annotated; None for a test trial
    """

    time: npt.NDArray[np.float64]
    streams: Mapping[str, npt.NDArray[np.floating]]
    labels: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Predicted:
    """A fold's answer for one trial: predictions (t, k) and attention arrays (t, ...) by name."""

    predictions: npt.NDArray[np.float32]
    attention: Mapping[str, npt.NDArray[np.floating]] = field(default_factory=dict)


class Predictor(Protocol):
    """A trained fold, as a function of a trial."""

    def __call__(self, given: TrialInput, /) -> Predicted:
        """Predict every frame of a trial."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """All figures of one model.

    Parameters
    ----------
    repeats : scores by fold, of each of its repeats, by target
    best : the folds that predict the test trials, best first; none for an ensemble
    validation, test : per-frame predictions
    members : of an ensemble, each member's folds that predict the test trials, best first
    """

    repeats: Mapping[int, Sequence[dict[str, Scores]]]
    best: tuple[int, ...]
    validation: tuple[TrialPrediction, ...]
    test: tuple[TrialPrediction, ...]
    members: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def folds(self) -> dict[int, dict[str, Scores]]:
        """Scores by fold and target, mean over the fold's repeats."""
        return {fold: mean_scores(repeats) for fold, repeats in self.repeats.items()}


def evaluate(
    *,
    model: str,
    folds: Mapping[int, Sequence[Predictor]],
    held_out: Mapping[int, Sequence[str]],
    test: Sequence[str],
    read: Callable[[str], TrialInput],
    ranges: Ranges,
    config: EvaluateConfig,
    prepare: Callable[[Sequence[tuple[int, str]]], None] = lambda _: None,
) -> Evaluation:
    """Predict every fold's held-out trials and the test trials.

    Each repeat of a fold is scored by itself. On a test trial a fold says the mean of what its repeats say.

    Parameters
    ----------
    model : name, for the progress lines
    folds : by number, the repeats of each trained fold
    held_out : each fold's validation trials, which it never saw in training
    test : test trials, in the order in which they are to be submitted
    read : gives a trial's streams and labels
    ranges : the targets, in column order, with the range their predictions are clipped to
    config : how many folds predict the test trials, and how they are combined
    prepare : told which fold will be asked for which trial, before it is: first of the held-out trials, then of the
        test trials

    Raises
    ------
    ConfigError
        If `config` asks for more folds than there are.
    InputError
        If a trial is held out twice, or a fold has no annotated frame; all such are listed.
    """
    if config.top_folds > len(folds):
        raise ConfigError(f"evaluate.top_folds is {config.top_folds}, but folds.count gives {len(folds)} folds")
    _check(held_out)
    targets = list(ranges)
    predicted: dict[int, list[TrialPrediction]] = {}
    prepare([(fold, trial) for fold in sorted(folds) for trial in held_out[fold]])
    with Progress(f"score {model}", total=sum(map(len, held_out.values())), what="trials") as progress:
        for fold in sorted(folds):
            predicted[fold] = []
            for trial in held_out[fold]:
                given = read(trial)
                first, *further = (predict(given) for predict in folds[fold])
                predicted[fold].append(
                    TrialPrediction(
                        trial=trial,
                        time=given.time,
                        predictions=clip(first.predictions, ranges),
                        labels=given.labels,
                        fold=fold,
                        attention=first.attention,
                        further=tuple(clip(answer.predictions, ranges) for answer in further),
                    )
                )
                progress.advance(trial)
    scores = score_folds(predicted, targets)
    best = best_folds({k: mean_scores(repeats) for k, repeats in scores.items()}, count=config.top_folds)
    prepare([(fold, trial) for fold in best for trial in test])
    tested = []
    with Progress(f"combine {model}", total=len(test), what="test trials") as progress:
        for trial in test:
            given = read(trial)
            answers = {fold: [predict(given) for predict in folds[fold]] for fold in best}
            combined = combine_folds(answers, ranges=ranges, how=config.combine)
            tested.append(TrialPrediction(trial=trial, time=given.time, **vars(combined)))
            progress.advance(trial)
    validation = tuple(one for trials in predicted.values() for one in trials)
    return Evaluation(repeats=scores, best=best, validation=validation, test=tuple(tested))


def best_folds(scores: Mapping[int, Mapping[str, Scores]], *, count: int) -> tuple[int, ...]:
    """Return the `count` folds of highest validation P, best first; of equal ones the lower number."""
    return tuple(sorted(scores, key=lambda fold: (-overall(scores[fold]), fold))[:count])


def clip(predictions: npt.NDArray[np.floating], ranges: Ranges) -> npt.NDArray[np.float32]:
    """Clip each column of (t, k) to its target's range."""
    low, high = np.array(list(ranges.values()), dtype=np.float32).T
    return np.clip(np.asarray(predictions, dtype=np.float32), low, high)


def _check(held_out: Mapping[int, Sequence[str]]) -> None:
    folds_of: dict[str, list[int]] = {}
    for fold, trials in held_out.items():
        for trial in trials:
            folds_of.setdefault(trial, []).append(fold)
    problems = [
        Problem(f"held out {len(folds)} times, in the folds {', '.join(map(str, folds))}", trial=trial)
        for trial, folds in folds_of.items()
        if len(folds) > 1
    ]
    if problems:
        raise InputError("the folds overlap", problems)


def score_folds(
    predicted: Mapping[int, Sequence[TrialPrediction]], targets: Sequence[str]
) -> dict[int, tuple[dict[str, Scores], ...]]:
    """Score each repeat of each fold on all annotated frames of the fold's held-out trials.

    Parameters
    ----------
    predicted : held-out trials with labels, by fold
    targets : names of the k columns

    Returns
    -------
    By fold, the scores of each repeat by target.

    Raises
    ------
    InputError
        Lists every fold that has no annotated frame.
    """
    scores: dict[int, tuple[dict[str, Scores], ...]] = {}
    problems: list[Problem] = []
    for fold, trials in predicted.items():
        labelled = [(one.labels, one.repeats) for one in trials if one.labels is not None]
        if not labelled or any(np.isnan(np.concatenate([y for y, _ in labelled])).all(axis=0)):
            names = ", ".join(one.trial for one in trials) or "none"
            remedy = "use fewer folds (folds.count), or check the annotation files"
            message = f"fold {fold} has a target without one annotated frame in its validation trials: {names}"
            problems.append(Problem(message, remedy=remedy))
            continue
        labels = np.concatenate([y for y, _ in labelled])
        repeats = zip(*(of_trial for _, of_trial in labelled), strict=True)
        scores[fold] = tuple(score_targets(labels, np.concatenate(of_repeat), targets=targets) for of_repeat in repeats)
    if problems:
        raise InputError("some folds cannot be scored", problems)
    return scores


@dataclass(frozen=True)
class Combined:
    """What several folds say of a trial: predictions (t, k) in the targets' ranges, attention, and each fold's own."""

    predictions: npt.NDArray[np.float32]
    attention: Mapping[str, npt.NDArray[np.floating]]
    by_fold: Mapping[int, npt.NDArray[np.float32]]


def combine_folds(answers: Mapping[int, Sequence[Predicted]], *, ranges: Ranges, how: Combination) -> Combined:
    """Combine what folds say of a trial that none of them has seen; a fold says the mean of what its repeats say.

    Parameters
    ----------
    answers : of each repeat of each fold, the best fold first: the order reaches the last bits
    ranges : of the targets, in column order
    how : see `combine`
    """
    means = {fold: _mean(repeats) for fold, repeats in answers.items()}
    by_fold = {fold: answer.predictions for fold, answer in means.items()}
    return Combined(
        predictions=clip(combine(np.stack(list(by_fold.values())), how=how), ranges),
        attention=_mean_attention([answer.attention for answer in means.values()]),
        by_fold=by_fold,
    )


def _mean(answers: Sequence[Predicted]) -> Predicted:
    """Average what the repeats of a fold say of a trial."""
    predictions: npt.NDArray[np.float32] = np.stack([answer.predictions for answer in answers]).mean(axis=0)
    return Predicted(predictions, _mean_attention([answer.attention for answer in answers]))


def _mean_attention(maps: Sequence[Mapping[str, npt.NDArray[np.floating]]]) -> dict[str, npt.NDArray[np.floating]]:
    """Average the attention arrays that all networks have."""
    return {
        name: np.mean([of_network[name] for of_network in maps], axis=0)
        for name in maps[0]
        if all(name in of_network for of_network in maps)
    }
