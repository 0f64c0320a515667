"""Train one model on the cached features, its folds side by side: `python -m stages.train grjca`."""

from collections.abc import Sequence

from pipeline.clips.clip import read_clip
from pipeline.clips.target import TargetsConfig
from pipeline.evaluation.folds import read_folds
from pipeline.features.views import views_of
from pipeline.models.config import ModelConfig
from pipeline.models.inputs import open_streams
from pipeline.runtime.files import assemble, replacing, replacing_file
from pipeline.runtime.items import ItemCache
from pipeline.runtime.layout import CLIPS, FOLDS, METRICS, MODELS, PLOTS
from pipeline.runtime.stage import argument, load_params, run_stage
from pipeline.training.config import TrainingConfig, training_of
from pipeline.training.frames import FrameTable, join_frames
from pipeline.training.history import History, write_curves, write_metrics
from pipeline.training.train_model import ModelTraining


def main() -> None:
    """Write models/<model>/fold<k>.safetensors, metrics/train/<model>.json and plots/train/<model>.csv."""
    name = argument("model")
    params = load_params()
    model = params.entry(ModelConfig, "models", name)
    folds = read_folds(FOLDS).folds
    training = ModelTraining(
        name=name,
        model=model,
        training=training_of(params.section(TrainingConfig, "training"), model, name=name),
        targets=params.section(TargetsConfig, "corpus").targets,
        folds=folds,
        cache=ItemCache(),
        executor=params.executor(device=True),
    )
    trials = sorted({trial for fold in folds for trial in (*fold.train, *fold.validation)})
    paths = training.run(read_frames(model.streams, trials))
    histories = [History.read(path / "history.json") for path in paths]
    with replacing(MODELS / name) as out:
        for number, path in enumerate(paths):
            assemble(path / "fold.safetensors", out / f"fold{number}.safetensors")
    with replacing_file(METRICS / "train" / f"{name}.json") as file:
        write_metrics(file, histories)
    with replacing_file(PLOTS / "train" / f"{name}.csv") as file:
        write_curves(file, histories)


def read_frames(streams: Sequence[str], trials: Sequence[str]) -> FrameTable:
    """Read the features of `streams` and the labels of `trials` into memory, once."""
    stores = open_streams(streams)
    features = {role: {trial: store.read(trial).embedding for trial in trials} for role, store in stores.items()}
    labels = {trial: read_clip(CLIPS / f"{trial}.h5", faces=False, audio=False).labels for trial in trials}
    views = {role: views_of(store) for role, store in stores.items()}
    return join_frames(features, labels, trials=trials, views=views)


if __name__ == "__main__":
    run_stage(main)
