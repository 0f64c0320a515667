"""Score one model on its held-out trials and predict the test trials: `python -m stages.evaluate grjca`."""

from collections.abc import Mapping
from pathlib import Path

import torch

from pipeline.clips.clip import read_clip
from pipeline.clips.target import TargetsConfig
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluate import Predicted, Predictor, TrialInput, evaluate
from pipeline.evaluation.folds import read_folds
from pipeline.evaluation.outputs import write_evaluation
from pipeline.evaluation.runs import Run, find_runs
from pipeline.features.store import FeatureStore
from pipeline.models.config import ModelConfig
from pipeline.models.inputs import open_streams
from pipeline.models.trained import TrainedFold
from pipeline.runtime.config import ComputeConfig
from pipeline.runtime.device import available_devices
from pipeline.runtime.executor import one_thread
from pipeline.runtime.layout import CLIPS, FOLDS, METRICS, MODELS, PREDICTIONS
from pipeline.runtime.stage import argument, load_params, run_stage


def main() -> None:
    """Write predictions/<model>/ and metrics/evaluate/<model>.json."""
    name = argument("model")
    params = load_params()
    model = params.entry(ModelConfig, "models", name)
    corpus = params.section(TargetsConfig, "corpus")
    folds = read_folds(FOLDS)
    stores = open_streams(model.streams)
    runs = find_runs(MODELS / name, folds=len(folds.folds), remedy=f"run `dvc repro train@{name}`")
    device = torch.device(available_devices(params.section(ComputeConfig, "compute").device)[0])
    # One thread as in training: the last bit of a sum must not depend on the number of cores.
    with one_thread():
        evaluation = evaluate(
            model=name,
            folds=predictors(runs, device),
            held_out={k: fold.validation for k, fold in enumerate(folds.folds)},
            test=folds.test,
            read=lambda trial: read_trial(trial, stores, labelled=trial not in folds.test),
            ranges=corpus.targets,
            config=params.section(EvaluateConfig, "evaluate"),
        )
    write_evaluation(
        evaluation,
        predictions=PREDICTIONS / name,
        metrics=METRICS / "evaluate" / f"{name}.json",
        targets=list(corpus.targets),
        sample=Path(corpus.sample) if corpus.sample else None,
    )


def predictors(runs: Mapping[Run, Path], device: torch.device) -> dict[int, list[Predictor]]:
    """Load every repeat of each fold, in order."""
    loaded: dict[int, list[Predictor]] = {}
    for run in sorted(runs):
        loaded.setdefault(run.fold, []).append(predictor(runs[run], device))
    return loaded


def predictor(path: Path, device: torch.device) -> Predictor:
    """Load a trained fold as a function of a trial."""
    fold = TrainedFold.load(path)

    def predict(given: TrialInput) -> Predicted:
        answer = fold.predict(given.streams, device=device, labels=given.labels)
        return Predicted(answer.predictions, answer.attention)

    return predict


def read_trial(trial: str, stores: Mapping[str, FeatureStore], *, labelled: bool) -> TrialInput:
    """Read a trial's embeddings, and its labels unless it is a test trial."""
    clip = read_clip(CLIPS / f"{trial}.h5", faces=False, audio=False)
    streams = {role: store.read(trial).embedding for role, store in stores.items()}
    return TrialInput(time=clip.time, streams=streams, labels=clip.labels if labelled else None)


if __name__ == "__main__":
    run_stage(main)
