"""A scratch project of drawn people whose models were trained by the stages themselves, on narrow backbones."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.backbones.common.embed import inference_network
from pipeline.config import load
from pipeline.corpora.config import TableConfig
from pipeline.readers.index import build_index, write_index
from stages import clips, evaluate, extract, finetune, folds, train
from tests.corpus_factory import SERIAL, memory_in
from tests.finetuning.factory import narrow_backbones
from tests.miniatures import PEOPLE, fatigue_row, write_fatigue, write_manifest

PARTS = ("train", "train", "train", "validation", "validation", "test")
TEST = "p5"
PARAMS = """\
corpus:
  kind: table
  root: corpus
  index: index.csv
  manifest: manifest.csv
  targets: {fatigue: [0, 10]}
clips: {face_size: 48, sample_rate: 16000}
folds: {count: 2}
backbones:
  ir50: {weights: random, batch: 8}
  vggish: {weights: random, batch: 8}
training: {window: 20, hop: 15, epochs: 1, repeats: 2, warm_up_epochs: 0}
models:
  grjca: {fusion: gated_joint_cross_attention, temporal: tcn, streams: [ir50, vggish]}
  visual: {fusion: unimodal, temporal: identity, streams: [ir50, ir50]}
  audio: {fusion: unimodal, temporal: identity, streams: [vggish, vggish]}
finetune: {epochs: 1, windows: 1, warm_up_epochs: 0, models: {grjca: {}}}
evaluate: {top_folds: 2}
compute: {engine: serial, device: cpu}
"""


def write_project(root: Path) -> None:
    """Write corpus, params.yaml and index below `root`, the current directory."""
    write_fatigue(root / "corpus")
    rows = [{**fatigue_row(trial), "partition": part} for trial, part in zip(PEOPLE, PARTS, strict=True)]
    write_manifest(root / "manifest.csv", rows)
    (root / "params.yaml").write_text(PARAMS)
    config = load("params.yaml").corpus
    assert isinstance(config, TableConfig)
    write_index(Path(config.index), build_index(config, memory=memory_in(Path()), executor=SERIAL))


@contextmanager
def trained_project(root: Path) -> Iterator[Path]:
    """Run every stage in `root`; inside the block it is the current directory and the backbones are narrow."""
    inference_network.cache_clear()
    with narrow_backbones(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("AFFECTFLOW_CACHE", str(root / "cache"))
        write_project(root)

        def run(stage: object, *arguments: str) -> None:
            patch.setattr(sys, "argv", ["stage", *arguments])
            stage.main()  # type: ignore[attr-defined]

        run(clips)
        run(folds)
        for backbone in ("ir50", "vggish"):
            run(extract, backbone)
        for model in ("grjca", "visual", "audio"):
            run(train, model)
            run(evaluate, model)
        run(finetune, "grjca")
        yield root
    inference_network.cache_clear()
