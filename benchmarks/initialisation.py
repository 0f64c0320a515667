"""How the start of joint cross-attention decides its training: `python -m benchmarks.initialisation`.

It writes the tables of docs/gating.md on the start, and docs/images/initialisation.svg. Fusion systems, and controls
that leave parts of them out or start them otherwise, are trained over several seeds on the features of a finished
`dvc repro` of the demo. Trained folds come from the item cache, so a stopped run resumes.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import _initialisation_tables as names
from benchmarks._demo import PAGE, Demo, fill
from benchmarks._initialisation_controls import Control, ControlledTraining
from benchmarks._initialisation_start import starts
from benchmarks._initialisation_tables import Training, curves, sections
from benchmarks._loss_plot import draw
from pipeline.models.config import ModelConfig
from pipeline.runtime.stage import run_stage
from pipeline.training.history import HISTORY, History
from pipeline.training.model import ModelTraining

PICTURE = Path("docs/images/initialisation.svg")


@dataclass(frozen=True)
class Variant:
    """A row of the table: a model of params.yaml's schema, and what the benchmark changes in its network."""

    model: ModelConfig
    control: Control | None = None


def variants(demo: Demo) -> dict[str, Variant]:
    """Return each row's model."""
    gated = demo.params.models["grjca"]
    bounded = gated.model_copy(update={"options": gated.options | {"tanh_attention": True}})
    jca, rjca = demo.rjca(iterations=1), demo.rjca()
    return {
        names.CONCATENATION: Variant(demo.params.models["concatenation"]),
        names.STRAIGHT: Variant(gated, "straight"),
        names.RECTIFIED: Variant(gated, "rectified"),
        names.JCA_XAVIER: Variant(jca, "all Xavier"),
        names.JCA: Variant(jca),
        names.RJCA_XAVIER: Variant(rjca, "all Xavier"),
        names.RJCA: Variant(rjca),
        names.GRJCA_XAVIER: Variant(gated, "all Xavier"),
        names.SMALL_HEAD: Variant(gated, "all Xavier, small head"),
        names.BOUNDED: Variant(bounded, "all Xavier"),
        names.GRJCA: Variant(gated),
        names.NO_RELU: Variant(gated, "no ReLU"),
        names.FAN_IN: Variant(gated, "fan-in, no ReLU"),
    }


def train(demo: Demo, name: str, variant: Variant) -> list[Training]:
    """Train the folds of a row that the cache does not hold; return each seed's."""
    kind = ModelTraining if variant.control is None else partial(ControlledTraining, control=variant.control)
    by_seed = demo.train(name, variant.model, kind=kind)
    return [Training(tuple(History.read(path / HISTORY) for path in folds)) for folds in by_seed]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, help="folds at a time; compute.workers unless given")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing them")
    chosen = parser.parse_args(arguments)
    demo = Demo(workers=chosen.workers)
    rows = variants(demo)
    trained = {name: train(demo, name, variant) for name, variant in rows.items()}
    start = starts(demo, {name: (variant.model, variant.control) for name, variant in rows.items()})
    found = sections(trained, start)
    print("\n\n".join(f"{name}\n{body}" for name, body in found.items()))
    if not chosen.dry_run:
        PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
        draw(curves(trained), PICTURE)


if __name__ == "__main__":
    run_stage(main)
