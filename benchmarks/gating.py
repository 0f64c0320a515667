"""What gating does, on the demo corpus: `python -m benchmarks.gating` writes figures and a picture of docs/gating.md.

The demo corpus marks where a face or a voice carries no information. Fusion systems are trained over several seeds on
the features of a finished `dvc repro`, and each is scored separately in clean frames and in those where one modality is
useless. Trained folds come from the item cache, so a stopped run resumes, and a second one takes seconds.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks._demo import PAGE, SEEDS, Demo, fill
from benchmarks._gating_figures import Trials
from benchmarks._gating_plot import draw
from benchmarks._gating_tables import (
    CONCATENATION,
    FACE_ALONE,
    GRJCA,
    RJCA,
    SIDE_SEEDS,
    SOFT,
    VOICE_ALONE,
    panels,
    sections,
)
from pipeline.evaluation.folds import Fold
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.models.config import ModelConfig
from pipeline.models.trained import TrainedFold
from pipeline.report.segments import read_segments
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.executor import one_thread
from pipeline.runtime.stage import run_stage
from pipeline.training.frames import FrameTable
from pipeline.training.history import FOLD

PICTURE = Path("docs/images/gating.svg")


def variants(demo: Demo) -> dict[str, tuple[ModelConfig, int]]:
    """Return each model with its number of seeds, made from the demo's."""
    models = demo.params.models
    soft = models["grjca"].model_copy(update={"options": models["grjca"].options | {"temperature": 1.0}})
    return {
        CONCATENATION: (models["concatenation"], SEEDS),
        RJCA: (demo.rjca(), SEEDS),
        GRJCA: (models["grjca"], SEEDS),
        SOFT: (soft, SEEDS),
        FACE_ALONE: (models["visual"], SIDE_SEEDS),
        VOICE_ALONE: (models["audio"], SIDE_SEEDS),
    }


def train(demo: Demo) -> dict[str, list[Trials]]:
    """Train what the cache does not hold, and predict every fold's held-out trials, seed by seed."""
    runs = {}
    for name, (model, seeds) in variants(demo).items():
        table = demo.table(model.streams)
        by_seed = demo.train(name, model, seeds=seeds)
        runs[name] = [held_out(paths, demo.folds, table) for paths in by_seed]
    return runs


def held_out(paths: Sequence[Path], folds: Sequence[Fold], table: FrameTable) -> Trials:
    """Predict the held-out trials with the trained folds."""
    trials = []
    with one_thread():
        for number, (path, fold) in enumerate(zip(paths, folds, strict=True)):
            trained = TrainedFold.load(path / FOLD)
            for trial in fold.validation:
                rows = table.rows(trial)
                answer = trained.predict({role: np.array(x[rows]) for role, x in table.streams.items()})
                time, labels = np.arange(len(rows), dtype=np.float64), np.array(table.labels[rows])
                trials.append(TrialPrediction(trial, time, answer.predictions, labels, number, answer.attention))
    return trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, help="folds at a time; compute.workers unless given")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing them")
    arguments = parser.parse_args()
    demo = Demo(workers=arguments.workers)
    root, targets = Path(demo.params.corpus.root), list(demo.params.corpus.targets)
    segments = read_segments(root)
    if not segments:
        raise ConfigError(f"{root} lists no useless segments; this needs the demo corpus")
    runs = train(demo)
    found = sections(runs, segments, targets)
    print("\n\n".join(f"{name}\n{body}" for name, body in found.items()))
    if not arguments.dry_run:
        PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
        draw(panels(runs, segments, targets), PICTURE)


if __name__ == "__main__":
    run_stage(main)
