"""Tune a trained model with its backbones, score it, predict the test trials: `python -m stages.finetune grjca`."""

from pathlib import Path

from pipeline.backbones.common.config import BackboneConfig
from pipeline.clips.manifest import read_manifest
from pipeline.clips.target import TargetsConfig
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.folds import read_folds
from pipeline.evaluation.outputs import write_evaluation
from pipeline.finetuning.config import FinetuneSection, finetune_of
from pipeline.finetuning.finetune import FOLD, HISTORY
from pipeline.finetuning.tuned_model import ModelTuning
from pipeline.finetuning.tuned_scores import score_tuned
from pipeline.models.config import ModelConfig
from pipeline.runtime.files import assemble, replacing, replacing_file
from pipeline.runtime.items import ItemCache
from pipeline.runtime.layout import CLIPS, FINETUNED, FOLDS, MANIFEST, METRICS, MODELS, PLOTS, PREDICTIONS
from pipeline.runtime.stage import argument, load_params, run_stage
from pipeline.training.history import History, write_curves, write_metrics


def main() -> None:
    """Write models/, predictions/, plots/train/ and metrics/ of <model>-finetuned."""
    name = argument("model")
    tuned = name + FINETUNED
    params = load_params()
    corpus = params.section(TargetsConfig, "corpus")
    model = params.entry(ModelConfig, "models", name)
    folds = read_folds(FOLDS)
    tuning = ModelTuning(
        name=name,
        model=model,
        backbones={stream: params.entry(BackboneConfig, "backbones", stream) for stream in model.streams},
        finetune=finetune_of(params.section(FinetuneSection, "finetune"), name=name),
        folds=folds,
        clips=CLIPS,
        digests={row.trial: row.digest for row in read_manifest(MANIFEST)},
        cache=ItemCache(),
        executor=params.executor(device=True),
    )
    finetuned = tuning.run(MODELS / name)
    histories = [History.read(path / HISTORY) for path in finetuned.folds]
    scoring = params.section(EvaluateConfig, "evaluate")
    evaluation = score_tuned(
        tuned,
        finetuned.predictions,
        folds=folds,
        clips=CLIPS,
        ranges=corpus.targets,
        config=scoring,
    )
    with replacing(MODELS / tuned) as out:
        for number, path in enumerate(finetuned.folds):
            assemble(path / FOLD, out / f"fold{number}.safetensors")
    with replacing_file(METRICS / "train" / f"{tuned}.json") as file:
        write_metrics(file, histories)
    with replacing_file(PLOTS / "train" / f"{tuned}.csv") as file:
        write_curves(file, histories)
    write_evaluation(
        evaluation,
        predictions=PREDICTIONS / tuned,
        metrics=METRICS / "evaluate" / f"{tuned}.json",
        targets=list(corpus.targets),
        sample=Path(corpus.sample) if corpus.sample else None,
    )


if __name__ == "__main__":
    run_stage(main)
