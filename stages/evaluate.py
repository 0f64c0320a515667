"""Score one model on its held-out trials and predict the test trials: `python -m stages.evaluate grjca`."""

import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from pipeline.cache.features import FeatureStore
from pipeline.clips.clip import read_clip
from pipeline.compute.device import available_devices
from pipeline.compute.executor import one_thread
from pipeline.evaluation.evaluate import Predicted, Predictor, TrialInput, evaluate
from pipeline.evaluation.folds import read_folds
from pipeline.evaluation.outputs import write_evaluation
from pipeline.training.trained import TrainedFold
from stages._inputs import open_streams
from stages._layout import CLIPS, FOLDS, METRICS, MODELS, PREDICTIONS
from stages._stage import load_params, run_stage


def main() -> None:
    """Write predictions/<model>/ and metrics/evaluate/<model>.json."""
    name = sys.argv[1]
    params = load_params()
    folds = read_folds(FOLDS)
    stores = open_streams(params.models[name].streams)
    compact = params.training_of(name).gaps == "compact"
    device = torch.device(available_devices(params.compute.device)[0])
    # One thread as in training: the last bit of a sum must not depend on the number of cores.
    with one_thread():
        evaluation = evaluate(
            model=name,
            folds={k: predictor(MODELS / name / f"fold{k}.safetensors", device) for k in range(len(folds.folds))},
            held_out={k: fold.validation for k, fold in enumerate(folds.folds)},
            test=folds.test,
            read=lambda trial: read_trial(trial, stores, labelled=trial not in folds.test, compact=compact),
            ranges=params.corpus.targets,
            config=params.evaluate,
        )
    sample = params.corpus.sample
    write_evaluation(
        evaluation,
        predictions=PREDICTIONS / name,
        metrics=METRICS / "evaluate" / f"{name}.json",
        targets=list(params.corpus.targets),
        sample=Path(sample) if sample else None,
    )


def predictor(path: Path, device: torch.device) -> Predictor:
    """Load a trained fold as a function of a trial."""
    fold = TrainedFold.load(path)

    def predict(given: TrialInput) -> Predicted:
        answer = fold.predict(given.streams, device=device, keep=given.keep)
        return Predicted(answer.predictions, answer.attention)

    return predict


def read_trial(trial: str, stores: Mapping[str, FeatureStore], *, labelled: bool, compact: bool) -> TrialInput:
    """Read a trial's embeddings, and its labels unless it is a test trial."""
    clip = read_clip(CLIPS / f"{trial}.h5", faces=False, audio=False)
    streams = {role: store.read(trial).embedding for role, store in stores.items()}
    keep = clip.label_valid if labelled and compact and clip.label_valid.any() else None
    return TrialInput(time=clip.time, streams=streams, labels=clip.labels if labelled else None, keep=keep)


if __name__ == "__main__":
    run_stage(main)
