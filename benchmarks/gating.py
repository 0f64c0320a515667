"""What gating does, on the demo corpus: `python -m benchmarks.gating` writes docs/gating.md's figures and its picture.

The demo corpus marks where a face or a voice carries no information. Fusion systems are trained over several seeds on
the features of a finished `dvc repro`, and each is scored separately in clean frames and in those where one modality is
useless. Trained folds come from the item cache, so a stopped run resumes, and a second one takes seconds.
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks import _gating_figures as figures
from benchmarks._gating_plot import draw
from benchmarks._gating_tables import (
    CONCATENATION,
    FACE_ALONE,
    GRJCA,
    GRJCA_PRINTED,
    RJCA,
    RJCA_PRINTED,
    SEEDS,
    SIDE_SEEDS,
    SOFT,
    VOICE_ALONE,
    Run,
    Start,
    panels,
    sections,
)
from pipeline.checks import check_file
from pipeline.config import Params
from pipeline.evaluation.folds import Fold, read_folds
from pipeline.evaluation.predictions import TrialPrediction
from pipeline.fusion.blocks.joint_attention import RecursiveAttention
from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.standardise import Standardise
from pipeline.models.trained import TrainedFold
from pipeline.report.segments import read_segments
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.executor import Executor, one_thread
from pipeline.runtime.items import ItemCache
from pipeline.runtime.layout import FOLDS
from pipeline.runtime.stage import run_stage
from pipeline.training.frames import FrameTable
from pipeline.training.model import ModelTraining
from stages.train import read_frames

PAGE, PICTURE = Path("docs/gating.md"), Path("docs/images/gating.svg")
STEP = 100
"""Between seeds: a fold adds its number to the seed, and no two runs are to share one."""


def variants(params: Params) -> dict[str, tuple[ModelConfig, int]]:
    """Return each model with its number of seeds, made from the demo's.

    Raises
    ------
    ConfigError
        params.yaml is not the demo's.
    """
    missing = {"visual", "audio", "concatenation", "grjca"} - params.models.keys()
    if missing:
        raise ConfigError(f"params.yaml has no model {', '.join(sorted(missing))}; this needs the demo's params.yaml")
    gated = params.models["grjca"]
    bounded = gated.options | {"temperature": 0.1, "tanh_attention": True}

    def grjca(**options: object) -> ModelConfig:
        return gated.model_copy(update={"options": options})

    def rjca(**options: object) -> ModelConfig:
        kept = {name: value for name, value in options.items() if name != "temperature"}
        return gated.model_copy(update={"fusion": "joint_cross_attention", "options": kept})

    printed = {name: value for name, value in bounded.items() if name != "tanh_attention"}
    return {
        CONCATENATION: (params.models["concatenation"], SEEDS),
        RJCA: (rjca(**bounded), SEEDS),
        GRJCA: (grjca(**bounded), SEEDS),
        SOFT: (grjca(**bounded | {"temperature": 1.0}), SEEDS),
        FACE_ALONE: (params.models["visual"], SIDE_SEEDS),
        VOICE_ALONE: (params.models["audio"], SIDE_SEEDS),
        RJCA_PRINTED: (rjca(**printed), SIDE_SEEDS),
        GRJCA_PRINTED: (grjca(**printed), SIDE_SEEDS),
    }


def train(params: Params, *, workers: int | None) -> dict[str, list[Run]]:
    """Train what the cache does not hold, seed by seed, and predict every fold's held-out trials."""
    folds = read_folds(FOLDS).folds
    trials = sorted({trial for fold in folds for trial in (*fold.train, *fold.validation)})
    executor = Executor.from_config(params.compute, device=True)
    executor = executor if workers is None else replace(executor, workers=workers)
    models = variants(params)
    tables = {streams: read_frames(streams, trials) for streams in {model.streams for model, _ in models.values()}}
    runs: dict[str, list[Run]] = {name: [] for name in models}
    for number in range(SEEDS):
        for name, (model, seeds) in models.items():
            if number < seeds:
                seed = params.training.seed + STEP * number
                training = ModelTraining(
                    name=f"{name}, seed {number + 1} of {seeds}",
                    model=model,
                    training=params.training.model_copy(update={"seed": seed}),
                    targets=params.corpus.targets,
                    folds=folds,
                    cache=ItemCache(),
                    executor=executor,
                )
                table = tables[model.streams]
                runs[name].append(read_run(training.run(table), folds, table))
    return runs


def read_run(paths: Sequence[Path], folds: Sequence[Fold], table: FrameTable) -> Run:
    """Predict the held-out trials with the trained folds."""
    trials, losses, best = [], [], []
    with one_thread():
        for number, (path, fold) in enumerate(zip(paths, folds, strict=True)):
            trained = TrainedFold.load(path / "fold.safetensors")
            for trial in fold.validation:
                rows = table.rows(trial)
                answer = trained.predict({role: np.array(x[rows]) for role, x in table.streams.items()})
                time, labels = np.arange(len(rows), dtype=np.float64), np.array(table.labels[rows])
                trials.append(TrialPrediction(trial, time, answer.predictions, labels, number, answer.attention))
            history = json.loads((path / "history.json").read_text(encoding="utf-8"))
            losses.append(tuple(float(row["train_loss"]) for row in history["rows"]))
            best.append(float(history["summary"]["p"]))
    return Run(tuple(trials), tuple(losses), tuple(best))


def sizes_at_start(params: Params) -> dict[str, Start]:
    """Pass a window of each trial through the untrained networks, with the demo's own seed."""
    starts: dict[str, Start] = {}
    trials = sorted({trial for fold in read_folds(FOLDS).folds for trial in fold.train})
    for name in (RJCA_PRINTED, RJCA, GRJCA_PRINTED, GRJCA):
        model = variants(params)[name][0]
        table, length = read_frames(model.streams, trials), params.training.window
        rows = [table.rows(trial)[:length] for trial in trials if table.trials[trial] >= length]
        streams = {}
        for role, x in table.streams.items():
            standardise = Standardise.fit([x], kind=params.training.standardise)
            streams[role] = standardise(torch.from_numpy(np.stack([x[frames] for frames in rows])).float())
        torch.manual_seed(params.training.seed)
        widths = {role: x.shape[-1] for role, x in streams.items()}
        ranges = list(params.corpus.targets.values())
        network = build_network(model, in_features=widths, length=length, ranges=ranges)
        assert isinstance(network.system, RecursiveAttention)
        mask = torch.ones(len(rows), length, dtype=torch.bool)
        with one_thread(), torch.no_grad():
            # In training mode, as the first batch finds it: the encoders' batch norm has no statistics yet.
            encoded = network.train().encode(streams, mask)
            x_a, x_v = encoded["audio"], encoded["visual"]
            sizes = [(float(x_a.std()), float(x_v.std()))]
            for step in network.system.steps:
                x_a, x_v = step(x_a, x_v)
                sizes.append((float(x_a.std()), float(x_v.std())))
            predictions = network(streams, mask).predictions
        starts[name] = Start(sizes=tuple(sizes), at_ends=figures.at_ends(predictions.numpy()))
    return starts


def fill(text: str, sections: Mapping[str, str]) -> str:
    """Put each section between its markers ``<!-- name -->`` and ``<!-- /name -->``.

    Raises
    ------
    ValueError
        A section has no markers.
    """
    for name, body in sections.items():
        parts = re.split(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", text, flags=re.DOTALL)
        if len(parts) != 2:
            raise ValueError(f"{PAGE} has {len(parts) - 1} places for {name}, expected one")
        text = f"{parts[0]}{body}\n{parts[1]}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, help="folds at a time; compute.workers unless given")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing them")
    arguments = parser.parse_args()
    params = check_file()
    segments = read_segments(Path(params.corpus.root))
    if not segments:
        raise ConfigError(f"{params.corpus.root} lists no useless segments; this needs the demo corpus")
    targets = list(params.corpus.targets)
    runs = train(params, workers=arguments.workers)
    found = sections(runs, segments, targets, start=sizes_at_start(params))
    print("\n\n".join(f"{name}\n{body}" for name, body in found.items()))
    if not arguments.dry_run:
        PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
        draw(panels(runs, segments, targets), PICTURE)


if __name__ == "__main__":
    run_stage(main)
