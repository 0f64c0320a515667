"""The scores of a fine-tuned model, from its folds' finished predictions: its features are in no store."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.clips.clip import read_clip
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluate import Evaluation, Predicted, Predictor, TrialInput, evaluate
from pipeline.evaluation.folds import Folds
from pipeline.evaluation.runs import Run
from pipeline.finetuning.predictions import read_predictions


@dataclass(frozen=True)
class NamedTrial(TrialInput):
    """A trial that the folds have predicted already: its name is all they need."""

    trial: str = ""


def score_predictions(
    model: str,
    predictions: Mapping[tuple[Run, str], Path],
    *,
    folds: Folds,
    clips: Path,
    ranges: Mapping[str, tuple[float, float]],
    config: EvaluateConfig,
) -> Evaluation:
    """Score the folds like any model's, and combine what the best predict for the test trials.

    Parameters
    ----------
    model : name, for the progress lines
    predictions : directory that `predict_trial` wrote, by fold and repeat, and trial
    folds, clips : which trials are whose, and the folder with their labels
    ranges : of the targets
    config : how folds are combined
    """

    def read(trial: str) -> NamedTrial:
        clip = read_clip(clips / f"{trial}.h5", faces=False, audio=False)
        labels = None if trial in folds.test else clip.labels
        return NamedTrial(time=clip.time, streams={}, labels=labels, trial=trial)

    def predictor(run: Run) -> Predictor:
        def predict(given: TrialInput) -> Predicted:
            assert isinstance(given, NamedTrial)
            answer = read_predictions(predictions[run, given.trial])
            return Predicted(answer.predictions, answer.attention)

        return predict

    predictors: dict[int, list[Predictor]] = {}
    for run in sorted({run for run, _ in predictions}):
        predictors.setdefault(run.fold, []).append(predictor(run))
    return evaluate(
        model=model,
        folds=predictors,
        held_out={number: fold.validation for number, fold in enumerate(folds.folds)},
        test=folds.test,
        read=read,
        ranges=ranges,
        config=config,
    )
