"""Score one model on its held-out trials and predict the test trials: `python -m stages.evaluate grjca`."""

from pathlib import Path

from pipeline.clips.manifest import read_manifest
from pipeline.clips.target import TargetsConfig
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.folds import read_folds
from pipeline.evaluation.outputs import write_evaluation
from pipeline.evaluation.predict import ModelPredictions
from pipeline.evaluation.runs import find_runs
from pipeline.evaluation.scoring import score_predictions
from pipeline.models.config import ModelConfig
from pipeline.models.inputs import open_streams
from pipeline.runtime.items import ItemCache
from pipeline.runtime.layout import CLIPS, FOLDS, MANIFEST, METRICS, MODELS, PREDICTIONS
from pipeline.runtime.stage import argument, load_params, run_stage


def main() -> None:
    """Write predictions/<model>/ and metrics/evaluate/<model>.json."""
    name = argument("model")
    params = load_params()
    model = params.entry(ModelConfig, "models", name)
    corpus = params.section(TargetsConfig, "corpus")
    folds = read_folds(FOLDS)
    runs = find_runs(MODELS / name, folds=len(folds.folds), remedy=f"run `dvc repro train@{name}`")
    predictions = ModelPredictions(
        name=name,
        model=model,
        runs=runs,
        stores=open_streams(model.streams),
        labels={row.trial: row.labels for row in read_manifest(MANIFEST) if row.trial not in folds.test},
        clips=CLIPS,
        cache=ItemCache(),
        executor=params.executor(device=True),
    )
    evaluation = score_predictions(
        name,
        predictions.predict,
        runs=list(runs),
        folds=folds,
        clips=CLIPS,
        ranges=corpus.targets,
        config=params.section(EvaluateConfig, "evaluate"),
    )
    write_evaluation(
        evaluation,
        predictions=PREDICTIONS / name,
        metrics=METRICS / "evaluate" / f"{name}.json",
        targets=list(corpus.targets),
        sample=Path(corpus.sample) if corpus.sample else None,
        timed=corpus.timed,
    )


if __name__ == "__main__":
    run_stage(main)
