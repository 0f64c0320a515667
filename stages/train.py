"""Train one model on the cached features, folds and repeats side by side: `python -m stages.train grjca`."""

from collections.abc import Sequence

from pipeline.clips.clip import read_clip
from pipeline.clips.target import TargetsConfig
from pipeline.evaluation.folds import read_folds
from pipeline.features.views import views_of
from pipeline.models.config import ModelConfig
from pipeline.models.inputs import missing_face, open_streams
from pipeline.runtime.items import ItemCache, write_seeds
from pipeline.runtime.layout import CLIPS, FOLDS, ITEMS, MODELS
from pipeline.runtime.seeds import Seeds
from pipeline.runtime.stage import argument, load_params, run_stage
from pipeline.training.config import TrainingConfig, training_of
from pipeline.training.frames import FrameTable, join_frames
from pipeline.training.history import FOLD
from pipeline.training.model import ModelTraining
from pipeline.training.outputs import write_model


def main() -> None:
    """Write models/<model>/, metrics/train/<model>.json and plots/train/<model>.csv."""
    name = argument("model")
    params = load_params()
    model = params.entry(ModelConfig, "models", name)
    folds = read_folds(FOLDS).folds
    seeds, cache = Seeds(ITEMS / "train" / f"{name}.json", MODELS / name), ItemCache()
    training = ModelTraining(
        name=name,
        model=model,
        training=training_of(params.section(TrainingConfig, "training"), model, name=name),
        targets=params.section(TargetsConfig, "corpus").targets,
        folds=folds,
        cache=cache,
        executor=params.executor(device=True),
        seeds=seeds,
    )
    trials = sorted({trial for fold in folds for trial in (*fold.train, *fold.validation)})
    trained = training.run(read_frames(model.streams, trials))
    write_model(name, trained)
    files = {str(run): run.file for run in trained}
    paths = {str(run): path for run, path in trained.items()}
    write_seeds(seeds, paths, cache=cache, place=lambda run, file: files[run] if file == FOLD else None)


def read_frames(streams: Sequence[str], trials: Sequence[str]) -> FrameTable:
    """Read the features of `streams` and the labels of `trials` into memory, once."""
    stores = open_streams(streams)
    read = {role: {trial: store.read(trial) for trial in trials} for role, store in stores.items()}
    features = {role: {trial: one.embedding for trial, one in of_role.items()} for role, of_role in read.items()}
    labels = {trial: read_clip(CLIPS / f"{trial}.h5", faces=False, audio=False).labels for trial in trials}
    views = {role: views_of(store) for role, store in stores.items()}
    missing = {role: missing_face(read[role].values()) for role in read if role.startswith("visual")}
    known = {role: embedding for role, embedding in missing.items() if embedding is not None}
    return join_frames(features, labels, trials=trials, views=views, missing=known)


if __name__ == "__main__":
    run_stage(main)
