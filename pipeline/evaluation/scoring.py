"""The scores of a model from its networks' predictions, each of which is an item."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.clips.clip import read_clip
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluate import Evaluation, Predicted, Predictor, TrialInput, evaluate
from pipeline.evaluation.folds import Folds
from pipeline.evaluation.prediction_file import read_predictions
from pipeline.evaluation.runs import Run

Wanted = Sequence[tuple[Run, str]]
"""Which network is to predict which trial."""


@dataclass(frozen=True)
class NamedTrial(TrialInput):
    """A trial that the networks have predicted already: its name is all they need."""

    trial: str = ""


def score_predictions(
    model: str,
    predict: Callable[[Wanted], Mapping[tuple[Run, str], Path]],
    *,
    runs: Sequence[Run],
    folds: Folds,
    clips: Path,
    ranges: Mapping[str, tuple[float, float]],
    config: EvaluateConfig,
) -> Evaluation:
    """Score the folds on their held-out trials, and combine what the best predict for the test trials.

    Parameters
    ----------
    model : name, for the progress lines
    predict : gives the directory of each prediction that is wanted; asked for the held-out trials first, then for the
        test trials of the best folds
    runs : every repeat of every fold
    folds, clips : which trials are whose, and the folder with their labels
    ranges : of the targets
    config : how folds are combined
    """
    known: dict[tuple[Run, str], Path] = {}

    def prepare(wanted: Sequence[tuple[int, str]]) -> None:
        known.update(predict([(run, trial) for fold, trial in wanted for run in runs if run.fold == fold]))

    def read(trial: str) -> NamedTrial:
        clip = read_clip(clips / f"{trial}.h5", faces=False, audio=False)
        labels = None if trial in folds.test else clip.labels
        return NamedTrial(time=clip.time, streams={}, labels=labels, trial=trial)

    def predictor(run: Run) -> Predictor:
        def answer(given: TrialInput) -> Predicted:
            assert isinstance(given, NamedTrial)
            found = read_predictions(known[run, given.trial])
            return Predicted(found.predictions, found.attention)

        return answer

    predictors: dict[int, list[Predictor]] = {}
    for run in sorted(runs):
        predictors.setdefault(run.fold, []).append(predictor(run))
    return evaluate(
        model=model,
        folds=predictors,
        held_out={number: fold.validation for number, fold in enumerate(folds.folds)},
        test=folds.test,
        read=read,
        ranges=ranges,
        config=config,
        prepare=prepare,
    )
