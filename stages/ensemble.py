"""Combine what several models predicted, and score it like a model: `python -m stages.ensemble both`."""

from pathlib import Path

from pipeline.clips.target import TargetsConfig
from pipeline.evaluation.config import EnsembleConfig
from pipeline.evaluation.ensemble import evaluate_ensemble
from pipeline.evaluation.outputs import write_evaluation
from pipeline.evaluation.predictions import read_frames
from pipeline.runtime.layout import METRICS, PREDICTIONS
from pipeline.runtime.stage import argument, load_params, run_stage


def main() -> None:
    """Write predictions/<name>/ and metrics/evaluate/<name>.json."""
    name = argument("ensemble")
    params = load_params(options=False)
    config = params.entry(EnsembleConfig, "ensembles", name)
    corpus = params.section(TargetsConfig, "corpus")
    members = {member: read_frames(PREDICTIONS / member / "frames.h5", attention=False) for member in config.models}
    write_evaluation(
        evaluate_ensemble(members, ranges=corpus.targets, config=config),
        predictions=PREDICTIONS / name,
        metrics=METRICS / "evaluate" / f"{name}.json",
        targets=list(corpus.targets),
        sample=Path(corpus.sample) if corpus.sample else None,
        timed=corpus.timed,
    )


if __name__ == "__main__":
    run_stage(main)
