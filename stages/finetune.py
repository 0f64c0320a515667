"""Tune a trained model with its backbones, score it, predict the test trials: `python -m stages.finetune grjca`."""

import sys
from pathlib import Path

from pipeline.cache.files import assemble, replacing, replacing_file
from pipeline.cache.items import ItemCache
from pipeline.clips.manifest import read_manifest
from pipeline.config.training import FINETUNED
from pipeline.evaluation.folds import read_folds
from pipeline.evaluation.outputs import write_evaluation
from pipeline.training.finetune import FOLD, HISTORY
from pipeline.training.history import History, write_curves, write_metrics
from pipeline.training.tuned_model import ModelTuning
from pipeline.training.tuned_scores import score_tuned
from stages._layout import CLIPS, FOLDS, MANIFEST, METRICS, MODELS, PLOTS, PREDICTIONS
from stages._stage import executor_of, load_params, run_stage


def main() -> None:
    """Write models/, predictions/, plots/train/ and metrics/ of <model>-finetuned."""
    name = sys.argv[1]
    tuned = name + FINETUNED
    params = load_params()
    targets = params.corpus.targets
    folds = read_folds(FOLDS)
    tuning = ModelTuning(
        name=name,
        model=params.models[name],
        backbones=params.backbones,
        finetune=params.finetune_of(name),
        folds=folds,
        clips=CLIPS,
        digests={row.trial: row.digest for row in read_manifest(MANIFEST)},
        cache=ItemCache(),
        executor=executor_of(params, device=True),
    )
    model = tuning.run(MODELS / name)
    histories = [History.read(path / HISTORY) for path in model.folds]
    evaluation = score_tuned(tuned, model.predictions, folds=folds, clips=CLIPS, ranges=targets, config=params.evaluate)
    with replacing(MODELS / tuned) as out:
        for number, path in enumerate(model.folds):
            assemble(path / FOLD, out / f"fold{number}.safetensors")
    with replacing_file(METRICS / "train" / f"{tuned}.json") as file:
        write_metrics(file, histories)
    with replacing_file(PLOTS / "train" / f"{tuned}.csv") as file:
        write_curves(file, histories)
    write_evaluation(
        evaluation,
        predictions=PREDICTIONS / tuned,
        metrics=METRICS / "evaluate" / f"{tuned}.json",
        targets=list(targets),
        sample=Path(params.corpus.sample) if params.corpus.sample else None,
    )


if __name__ == "__main__":
    run_stage(main)
