"""Train one model on the cached features, folds and repeats side by side: `python -m stages.train grjca`."""

from pipeline.clips.settings import read_settings
from pipeline.clips.target import TargetsConfig
from pipeline.evaluation.folds import read_folds
from pipeline.models.config import ModelConfig
from pipeline.models.inputs import open_streams
from pipeline.models.recipe import Recipe, StreamRecipe
from pipeline.runtime.items import ItemCache, write_seeds
from pipeline.runtime.layout import CLIP_SETTINGS, FOLDS, ITEMS, MODELS
from pipeline.runtime.seeds import Seeds
from pipeline.runtime.stage import argument, load_params, run_stage
from pipeline.training.config import TrainingConfig, training_of
from pipeline.training.history import FOLD
from pipeline.training.model import ModelTraining
from pipeline.training.outputs import write_model
from pipeline.training.stored_frames import StoredFrames


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
    trained = training.run(StoredFrames.of(model.streams, trials))
    recipe = Recipe(
        model=name,
        kind="trained",
        arithmetic=training.executor.arithmetic,
        targets=dict(training.targets),
        clips=read_settings(CLIP_SETTINGS),
        streams={role: StreamRecipe.of(store.attributes) for role, store in open_streams(model.streams).items()},
    )
    write_model(name, trained, recipe)
    files = {str(run): run.file for run in trained}
    paths = {str(run): path for run, path in trained.items()}
    write_seeds(seeds, paths, cache=cache, place=lambda run, file: files[run] if file == FOLD else None)


if __name__ == "__main__":
    run_stage(main)
