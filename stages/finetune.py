"""Fine-tune a model with its backbones, score it, predict the test trials: `python -m stages.finetune grjca`."""

from pathlib import Path

from pipeline.backbones.common.config import BackboneConfig
from pipeline.clips.manifest import read_manifest
from pipeline.clips.settings import read_settings
from pipeline.clips.target import TargetsConfig
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.folds import read_folds
from pipeline.evaluation.outputs import write_evaluation
from pipeline.evaluation.scoring import score_predictions
from pipeline.finetuning.config import FinetuneSection, finetune_of
from pipeline.finetuning.model import ModelFinetuning
from pipeline.models.config import ModelConfig
from pipeline.runtime.items import ItemCache
from pipeline.runtime.layout import CLIP_SETTINGS, CLIPS, FINETUNED, FOLDS, MANIFEST, METRICS, MODELS, PREDICTIONS
from pipeline.runtime.stage import argument, load_params, run_stage
from pipeline.training.outputs import write_model


def main() -> None:
    """Write models/, predictions/, plots/train/ and metrics/ of <model>-finetuned."""
    name = argument("model")
    finetuned = name + FINETUNED
    params = load_params()
    corpus = params.section(TargetsConfig, "corpus")
    model = params.entry(ModelConfig, "models", name)
    folds = read_folds(FOLDS)
    finetuning = ModelFinetuning(
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
    result = finetuning.run(MODELS / name)
    evaluation = score_predictions(
        finetuned,
        lambda wanted: {place: result.predictions[place] for place in wanted},
        runs=list(result.runs),
        folds=folds,
        clips=CLIPS,
        ranges=corpus.targets,
        config=params.section(EvaluateConfig, "evaluate"),
    )
    write_model(finetuned, result.runs, finetuning.recipe(finetuned, corpus.targets, read_settings(CLIP_SETTINGS)))
    write_evaluation(
        evaluation,
        predictions=PREDICTIONS / finetuned,
        metrics=METRICS / "evaluate" / f"{finetuned}.json",
        targets=list(corpus.targets),
        sample=Path(corpus.sample) if corpus.sample else None,
        timed=corpus.timed,
    )


if __name__ == "__main__":
    run_stage(main)
