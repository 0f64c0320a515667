"""Combine what several models predicted, and score it like a model: `python -m stages.ensemble both`."""

import sys
from pathlib import Path

from pipeline.evaluation.ensemble import evaluate_ensemble
from pipeline.evaluation.outputs import write_evaluation
from pipeline.evaluation.predictions import read_frames
from stages._layout import METRICS, PREDICTIONS
from stages._stage import load_params, run_stage


def main() -> None:
    """Write predictions/<name>/ and metrics/evaluate/<name>.json."""
    name = sys.argv[1]
    params = load_params()
    config = params.ensembles[name]
    targets = params.corpus.targets
    members = {member: read_frames(PREDICTIONS / member / "frames.h5", attention=False) for member in config.models}
    write_evaluation(
        evaluate_ensemble(members, ranges=targets, config=config),
        predictions=PREDICTIONS / name,
        metrics=METRICS / "evaluate" / f"{name}.json",
        targets=list(targets),
        sample=Path(params.corpus.sample) if params.corpus.sample else None,
    )


if __name__ == "__main__":
    run_stage(main)
