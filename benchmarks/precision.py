"""What bfloat16 embeddings do to the demo's CCC: `python -m benchmarks.precision`, in a clone with a finished demo.

The demo's clips are embedded in float32 and in bfloat16, and the same models trained on either, all with native
numerics: through the stages themselves, in a folder and an item cache of their own. Both sides train with the same
seeds. A training reacts to any change of its features as it does to another seed, so the difference stands beside the
spread over seeds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks._results import machine, table, write_section
from pipeline.features.store import FeatureStore

ROOT = Path(__file__).parents[1]
PRECISIONS = ("float32", "bfloat16")
NEEDED = ("clips", "demo", "folds.json", "sample")
SHARE = 0.999
"""The lowest cosine between the embeddings of a frame."""


def prepare(folder: Path, demo: Path, *, precision: str, models: Sequence[str], repeats: int) -> None:
    """Lay out what the stages read: links to the demo's clips, and its params.yaml with another arithmetic.

    Raises
    ------
    FileNotFoundError
        The demo has not been run.
    """
    (folder / "data").mkdir(parents=True)
    for name in NEEDED:
        source = demo / "data" / name
        if not source.exists():
            raise FileNotFoundError(f"{source} is not there: run `make repro` in {demo} first")
        (folder / "data" / name).symlink_to(source)
    params: dict[str, Any] = yaml.safe_load((demo / "params.yaml").read_text(encoding="utf-8"))
    params["compute"] = {"numerics": "native", "device": "cpu"}
    # Only the embeddings differ: training is in float32 on both sides.
    params["training"] |= {"repeats": repeats, "precision": "float32"}
    params["models"] = {name: params["models"][name] for name in models}
    params["ensembles"], params["finetune"] = {}, {}
    for backbone in params["backbones"].values():
        backbone["precision"] = precision
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def run_stages(folder: Path, cache: Path, *, models: Sequence[str]) -> None:
    """Run extraction, training and evaluation in `folder`."""
    backbones = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))["backbones"]
    commands = [["extract", name] for name in backbones]
    commands += [[stage, name] for name in models for stage in ("train", "evaluate")]
    environment = {**os.environ, "AFFECTFLOW_CACHE": str(cache), "PYTHONPATH": str(ROOT), "AFFECTFLOW_LOG": "WARNING"}
    for stage, name in commands:
        print(f"{folder.name}: {stage} {name}", flush=True)
        command = [sys.executable, "-m", f"stages.{stage}", name]
        subprocess.run(command, cwd=folder, env=environment, check=True)


def cosines(folders: Sequence[Path], backbone: str) -> tuple[float, float]:
    """Return the lowest cosine of a frame's two embeddings, and that after the corpus' mean is taken off."""
    stores = [FeatureStore.open(folder / "data/features" / f"{backbone}.zarr") for folder in folders]
    one, two = (
        np.concatenate([store.read(trial).embedding.astype(np.float64) for trial in store.trials]) for store in stores
    )
    mean = one.mean(axis=0)
    found = [_lowest_cosine(one - offset, two - offset) for offset in (np.zeros_like(mean), mean)]
    return found[0], found[1]


def _lowest_cosine(one: np.ndarray, two: np.ndarray) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    return float(((one * two).sum(axis=1) / lengths).min())


def compare(folders: Sequence[Path], model: str) -> list[str]:
    """Return a row: the mean CCC with either precision, and the difference fold by fold."""
    paths = [folder / "metrics/evaluate" / f"{model}.json" for folder in folders]
    plain, reduced = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    differences = [reduced["folds"][fold]["P"] - figures["P"] for fold, figures in plain["folds"].items()]
    figures = [f"{side[target]['ccc']:.3f}" for target in ("valence", "arousal") for side in (plain, reduced)]
    spread = f"{min(differences):+.3f} to {max(differences):+.3f}"
    return [model, *figures, f"{plain['P']:.3f}", f"{reduced['P']:.3f}", f"{np.mean(differences):+.3f}", spread]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=ROOT, help="clone with a finished demo (default: this one)")
    parser.add_argument("--models", nargs="+", default=["visual", "audio", "grjca"], help="(default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=1, help="seeds per fold (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing a result file")
    arguments = parser.parse_args()
    demo = arguments.demo.resolve()
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / precision for precision in PRECISIONS]
        for folder in folders:
            prepare(folder, demo, precision=folder.name, models=arguments.models, repeats=arguments.repeats)
            run_stages(folder, Path(place) / "cache", models=arguments.models)
        rows = [compare(folders, model) for model in arguments.models]
        backbones = sorted(path.stem for path in (folders[0] / "data/features").glob("*.zarr"))
        likeness = [[name, *(f"{cosine:.5f}" for cosine in cosines(folders, name)), SHARE] for name in backbones]
    header = ["model", "valence f32", "bf16", "arousal f32", "bf16", "P f32", "bf16", "difference", "over the folds"]
    text = "\n".join(
        [
            f"The demo's clips, native numerics, mean over folds of the mean over {arguments.repeats} seeds\n",
            table(header, rows),
            "",
            table(["backbone", "lowest cosine to float32", "without the corpus' mean", "goal of the first"], likeness),
        ]
    )
    print(f"{machine()}\n\n{text}")
    if not arguments.dry_run:
        print(f"\nwritten to {write_section('precision', text)}")


if __name__ == "__main__":
    main()
